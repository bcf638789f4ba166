// A double of NCCL. Ranks are processes of this machine, which share a file named by the unique id; sums are
// made as the stream's work runs, in the order of the ranks. Communicators do not block. As with the real
// one, a captured collective keeps its communicator alive until the graph is destroyed, two ranks must not
// have one GPU, and a rank that is gone leaves the others waiting until they abort. Settings: nccl_version,
// nccl_error (what ncclCommGetAsyncError tells of every communicator).
#include "cuda/api/nccl.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>
#include <utility>

#include "vendor.h"

using namespace alexnode::cuda;

namespace {

constexpr size_t kChunk = 256 << 10;
constexpr int kMost = 16;

struct Collective {
  int kind, dtype, root;
  uint64_t count;
  bool operator==(const Collective&) const = default;
};

/// In the file, one a rank.
struct Seat {
  std::atomic<int> taken, ordinal, leaves;
  /// Pieces of collectives that it has brought, and that it needs no more.
  std::atomic<uint64_t> brought, done;
  Collective what;
};
struct Room {
  Seat seats[kMost];
  char* data(int rank) { return reinterpret_cast<char*>(this) + sizeof(Room) + size_t(rank) * kChunk; }
};

/// Shared by a communicator and the work that it has on streams.
struct Meeting {
  int rank = 0, size = 0;
  Room* room = nullptr;
  std::atomic<bool> aborted{false};
  std::atomic<int> graphs{0}, trouble{0};
  uint64_t pieces = 0;
  std::string path;

  size_t bytes() const { return sizeof(Room) + size_t(size) * kChunk; }
  ~Meeting() {
    if (!room) return;
    munmap(room, bytes());
    unlink(path.c_str());
  }
  template <class F>
  bool all(F which) const {
    return std::all_of(room->seats, room->seats + size, which);
  }
  /// False where it was aborted meanwhile.
  template <class F>
  bool wait(F ready) {
    while (!all(ready)) {
      if (aborted) return false;
      usleep(50);
    }
    return !aborted;
  }
};

}  // namespace

namespace alexnode::cuda {
struct ncclComm {
  std::shared_ptr<Meeting> meeting;
  void* context = fake_context();
  bool finalized = false;
  /// How often it still says that it is at work.
  int busy = 0;
  bool first = true;
};
}  // namespace alexnode::cuda

namespace {

#define BEGIN \
  if (const int e = fake_call(__func__)) return e

Alive& alive() {
  static auto* the_alive = new Alive("nccl communicators");
  return *the_alive;
}

size_t size_of_type(int dtype) { return dtype == kNcclFloat32 ? 4 : dtype == kNcclBfloat16 ? 2 : 1; }

/// A part of a collective, which fits in the ranks' seats.
bool exchange(Meeting& m, const Collective& what, char* data, size_t bytes) {
  const auto piece = ++m.pieces;
  auto& own = m.room->seats[m.rank];
  const bool gives = what.kind == 0 || what.root == m.rank;
  own.what = what;
  if (gives) std::memcpy(m.room->data(m.rank), data, bytes);
  own.brought = piece;
  if (!m.wait([&](const Seat& s) { return s.brought >= piece; })) return false;
  if (!m.all([&](const Seat& s) { return s.what == what; })) {
    fake_misuse("nccl: the ranks are in different collectives");
    m.trouble = kNcclInvalidArgument;
    return false;
  }
  if (what.kind == 1 && !gives) std::memcpy(data, m.room->data(what.root), bytes);
  if (what.kind == 0) {
    const auto type = what.dtype == kNcclFloat32 ? Type::f32 : Type::bf16;
    for (int64_t i = 0; i < int64_t(bytes / size_of(type)); i++) {
      float sum = 0;
      for (int r = 0; r < m.size; r++) sum += load(type, m.room->data(r), i);
      store(type, data, i, sum);
    }
  }
  own.done = piece;
  return m.wait([&](const Seat& s) { return s.done >= piece; });
}

struct Work final : FakeWork {
  Work(std::shared_ptr<Meeting> m, Collective w, char* d, bool c)
      : meeting(std::move(m)), what(w), data(d), captured(c) {
    if (captured) meeting->graphs++;
  }
  ~Work() override {
    if (captured) meeting->graphs--;
  }
  void run() override {
    const size_t bytes = what.count * size_of_type(what.dtype);
    bool well = !meeting->aborted;
    for (size_t at = 0; well && at < bytes; at += kChunk)
      well = exchange(*meeting, what, data + at, std::min(kChunk, bytes - at));
    // As an aborted kernel leaves it: anything.
    if (!well) poison(data, bytes);
  }
  std::shared_ptr<Meeting> meeting;
  Collective what;
  char* data;
  bool captured;
};

int enqueue(const char* call, ncclComm_t comm, Collective what, const void* from, void* to, CUstream stream) {
  if (!alive().has(comm)) return kNcclInvalidArgument;
  auto& m = *comm->meeting;
  if (comm->busy) fake_misuse("nccl: called before the last call had ended");
  if (comm->finalized || m.aborted) return kNcclInvalidUsage;
  if (from != to || what.root < 0 || what.root >= m.size) return kNcclInvalidArgument;
  if (!in_context(call, comm->context, stream)) return kNcclInvalidUsage;
  if (!on_device(call, to, what.count * size_of_type(what.dtype))) return kNcclInvalidArgument;
  auto work = std::make_shared<Work>(comm->meeting, what, static_cast<char*>(to), fake_is_captured(stream));
  if (fake_enqueue(stream, std::move(work))) return kNcclUnhandledCudaError;
  // The first one connects.
  comm->busy = std::exchange(comm->first, false) ? 2 : 0;
  return comm->busy ? kNcclInProgress : 0;
}

/// What a communicator is at.
int state_of(ncclComm& comm) {
  auto& m = *comm.meeting;
  if (m.trouble) return m.trouble;
  if (const auto planned = fake_setting("nccl_error", 0)) return int(planned);
  const auto& own = m.room->seats[m.rank];
  for (int r = 0; r < m.size; r++) {
    const auto& seat = m.room->seats[r];
    if (!seat.taken) return kNcclInProgress;
    if (r != m.rank && seat.ordinal == own.ordinal) return kNcclInvalidUsage;
  }
  if (comm.busy) return comm.busy--, kNcclInProgress;
  if (comm.finalized && (m.graphs || !m.all([](const Seat& s) { return s.leaves > 0; })))
    return kNcclInProgress;
  return 0;
}

std::string file_of(const ncclUniqueId& id) { return "/dev/shm/" + std::string(id.internal); }

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  if (const int e = fake_call("ncclGetVersion")) return e;
  *version = int(fake_setting("nccl_version", 22809));
  return 0;
}

int ncclGetUniqueId(ncclUniqueId* id) {
  BEGIN;
  std::random_device random;
  std::snprintf(id->internal, sizeof id->internal, "alexnode-fake-nccl-%08x%08x", random(), random());
  return 0;
}

int ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank, NcclConfig* config) {
  BEGIN;
  *comm = nullptr;
  if (ranks < 1 || ranks > kMost || rank < 0 || rank >= ranks || !fake_context()) return kNcclInvalidArgument;
  if (config->size < 20 || config->magic != 0xcafebeef || config->version < 21400 || config->blocking)
    return kNcclInvalidArgument;
  auto meeting = std::make_shared<Meeting>();
  meeting->rank = rank, meeting->size = ranks;
  meeting->path = file_of(id);
  const int file = open(meeting->path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return kNcclSystemError;
  if (ftruncate(file, off_t(meeting->bytes()))) return close(file), kNcclSystemError;
  void* memory = mmap(nullptr, meeting->bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return kNcclSystemError;
  meeting->room = static_cast<Room*>(memory);
  auto& seat = meeting->room->seats[rank];
  seat.ordinal = fake_ordinal();
  seat.taken = 1;
  // All hold it now.
  if (meeting->all([](const Seat& s) { return s.taken > 0; })) unlink(meeting->path.c_str());
  *comm = alive().add(new ncclComm{meeting});
  return kNcclInProgress;
}

int ncclCommGetAsyncError(ncclComm_t comm, int* state) {
  BEGIN;
  if (!alive().has(comm)) return kNcclInvalidArgument;
  *state = state_of(*comm);
  return 0;
}

int ncclCommFinalize(ncclComm_t comm) {
  const int failed = fake_call(__func__);
  if (!alive().has(comm)) return kNcclInvalidArgument;
  comm->finalized = true;
  comm->meeting->room->seats[comm->meeting->rank].leaves = 1;
  return failed ? failed : kNcclInProgress;
}

int ncclCommDestroy(ncclComm_t comm) {
  const int failed = fake_call(__func__);
  if (!alive().has(comm)) return kNcclInvalidArgument;
  if (comm->meeting->graphs) fake_misuse("ncclCommDestroy: graphs use it, and the real one would hang");
  if (failed) return failed;
  alive().remove(comm);
  return 0;
}

int ncclCommAbort(ncclComm_t comm) {
  const int failed = fake_call(__func__);
  if (!alive().has(comm)) return kNcclInvalidArgument;
  comm->meeting->aborted = true;
  comm->meeting->room->seats[comm->meeting->rank].leaves = 1;
  while (comm->meeting->graphs) usleep(1000);
  alive().remove(comm);
  return failed;
}

int ncclAllReduce(const void* from, void* to, size_t count, int dtype, int op, ncclComm_t comm,
                  CUstream stream) {
  BEGIN;
  if (op != kNcclSum || (dtype != kNcclFloat32 && dtype != kNcclBfloat16)) return kNcclInvalidArgument;
  return enqueue(__func__, comm, {0, dtype, 0, count}, from, to, stream);
}

int ncclBroadcast(const void* from, void* to, size_t count, int dtype, int root, ncclComm_t comm,
                  CUstream stream) {
  BEGIN;
  return enqueue(__func__, comm, {1, dtype, root, count}, from, to, stream);
}

const char* ncclGetErrorString(int result) {
  constexpr const char* kWords[] = {"no error",
                                    "unhandled cuda error",
                                    "unhandled system error",
                                    "internal error",
                                    "invalid argument",
                                    "invalid usage",
                                    "remote process exited or there was a network error",
                                    "NCCL operation in progress"};
  return result >= 0 && result < 8 ? kWords[result] : "unknown result code";
}

const char* ncclGetLastError(ncclComm_t) { return "as the test asked"; }
}
