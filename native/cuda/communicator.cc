#include "cuda/communicator.h"

#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "cuda/communicator_core.h"

namespace alexnode::cuda {

namespace {

std::atomic<int64_t> last_communicator = 0;

struct Communicators {
  std::mutex mutex;
  std::unordered_map<int64_t, std::weak_ptr<Communicator>> all;
};
Communicators& communicators() {
  static auto* the_communicators = new Communicators;
  return *the_communicators;
}

}  // namespace

Communicator::Communicator(std::shared_ptr<GpuContext> gpu, const CommunicatorPlace& place,
                           std::shared_ptr<Mailbox> mailbox, Ticket* opened)
    : core_(std::make_shared<Core>(std::move(gpu), place, std::move(mailbox))), id_(++last_communicator) {
  try {
    // Not one that the environment waits for before it closes programs, whose graphs this may have to wait
    // for.
    std::thread([core = core_, opened] { core->run(opened); }).detach();
  } catch (const std::system_error& error) {
    fail_for_threads("group", error.what());
  }
}

Communicator::~Communicator() {
  {
    auto& c = communicators();
    std::lock_guard lock(c.mutex);
    c.all.erase(id_);
  }
  core_->close();
}

int Communicator::size() const { return core_->place.size; }
int Communicator::ordinal() const { return core_->ordinal; }
void Communicator::abort() const { core_->abort(); }
std::string Communicator::failure() const { return core_->failure(); }

void Communicator::all_reduce(void* data, size_t count, DType dtype, CUstream stream) const {
  core_->enqueue("all_reduce", "ncclAllReduce", [&](ncclComm_t comm) {
    const int type = dtype == DType::bf16 ? kNcclBfloat16 : kNcclFloat32;
    return core_->nccl().ncclAllReduce(data, data, count, type, kNcclSum, comm, stream);
  });
}

void Communicator::broadcast(void* data, size_t bytes, int root, CUstream stream) const {
  core_->enqueue("broadcast", "ncclBroadcast", [&](ncclComm_t comm) {
    return core_->nccl().ncclBroadcast(data, data, bytes, kNcclUint8, root, comm, stream);
  });
}

std::shared_ptr<Communicator> Communicator::of(int64_t id) {
  auto& c = communicators();
  std::lock_guard lock(c.mutex);
  const auto found = c.all.find(id);
  auto one = found == c.all.end() ? nullptr : found->second.lock();
  if (!one) fail("[group] there is no group ", id, " of GPUs, or it is closed");
  return one;
}

void Communicator::list(const std::shared_ptr<Communicator>& one) {
  auto& c = communicators();
  std::lock_guard lock(c.mutex);
  c.all[one->id()] = one;
}

void Communicator::close(std::shared_ptr<Communicator> last, Mailbox& mailbox, Ticket* ticket) {
  const auto core = last->core_;
  const std::weak_ptr<Communicator> others = last;
  if (!core->settle(ticket)) return mailbox.settle(ticket);
  last.reset();
  if (others.expired()) return;
  // Ops of a net that is still open hold it: it is given back with them.
  if (auto* back = core->unsettle()) mailbox.settle(back);
}

void Communicator::wait_for(Core& core) { core.wait_for(std::chrono::seconds(10)); }

void require_nccl(const Libraries& libraries) {
  for (const auto& r : libraries.report.libraries) {
    if (r.name != "nccl" || r.state == State::ready) continue;
    fail("[group] GPUs of several processes are summed by NCCL (", r.file, "), which ",
         r.state == State::missing ? std::string("was not found") : text("cannot be used: ", r.error),
         ". Install it, by `pip install nvidia-nccl-cu", libraries.report.cudnn_major == 12 ? 12 : 13,
         "` or as your system has it, or name its folder in ALEXNODE_CUDA_PATH; `alexnode doctor` says where "
         "it was looked for");
  }
}

ncclUniqueId unique_id(const GpuContext& gpu) {
  require_nccl(gpu.libraries);
  gpu.make_current();
  ncclUniqueId id{};
  const auto& nccl = gpu.libraries.nccl;
  if (const int result = nccl.ncclGetUniqueId(&id)) {
    const char* words = nccl.ncclGetErrorString(result);
    const char* last = nccl.ncclGetLastError(nullptr);
    fail("[group] ncclGetUniqueId failed with ", result, " (", words ? words : "an unknown error",
         last && *last ? ": " : "", last ? last : "",
         "). With NCCL_DEBUG=INFO NCCL says more; NCCL_SOCKET_IFNAME names the network's interface to use");
  }
  return id;
}

}  // namespace alexnode::cuda
