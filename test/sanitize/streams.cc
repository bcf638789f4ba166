// Streams, tickets, events, programs and loaders without Node, for sanitizers: the main thread stands for
// JavaScript's. Prints what it did; ends with 1 where a result is wrong.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "cpu/device.h"
#include "cpu/queue.h"
#include "loader/loader.h"
#include "uv_loop.h"

using namespace alexnode;

/// The one op here: adds 1 to its first slot, a number. It stands for those of the op table.
namespace alexnode::cpu {
KernelPtr make(size_t, const void*, Specs specs) {
  return make_kernel(std::move(specs), "one more", [](const Args& a) { ++*a.at<uint32_t>(0); });
}
}  // namespace alexnode::cpu

namespace {

constexpr Slot kSlots[] = {{"y", Role::inout, kU32}};

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "expected: %s\n", what);
  std::exit(1);
}

/// An environment: its loop, and what tickets ended with.
struct Environment {
  uv_loop_s loop;
  double last = 0;
  struct End {
    std::string failure;
    std::vector<uint8_t> bytes;
    std::shared_ptr<Kernel> kernel;
  };
  std::map<double, End> ends;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(&loop, [this](Ticket& t) {
    ends[t.id] = {t.failure.words, t.bytes, t.kernel};
  });

  Ticket* ticket(int parts = 1) { return mailbox->take(++last, parts); }
  End end(double id) {
    while (!ends.contains(id)) loop.turn();
    return ends[id];
  }
  ~Environment() {
    mailbox->wait_for_threads();
    mailbox->close([] {});
  }
};

uint32_t number(const MemoryPtr& memory) {
  uint32_t n;
  std::memcpy(&n, memory->data, 4);
  return n;
}

/// Two streams that take turns through events, eagerly and as a program, and one that closes under work.
void streams() {
  Environment e;
  auto device = std::make_shared<cpu::CpuDevice>(e.mailbox);
  const auto memory = device->allocate(4096, false);
  std::vector<StreamPtr> two{device->stream({}), device->stream({})};
  Specs specs("more", kSlots);
  specs[0].shape = {1}, specs[0].dtype = DType::u32, specs[0].layout = "a";
  two[0]->prepare(0, nullptr, specs, e.ticket());
  const auto kernel = e.end(e.last).kernel;
  expect(kernel != nullptr, "a kernel");
  const auto event = device->event();
  const auto turn = [&](int i) {
    two[i % 2]->run(kernel, {{memory, 0}}, {});
    two[i % 2]->record(event);
    two[1 - i % 2]->wait(event);
  };
  for (int i = 0; i < 200; i++) turn(i);
  two[0]->synchronize(e.ticket());
  e.end(e.last);
  two[1]->read({memory, 0}, 4, e.ticket());
  e.end(e.last);
  expect(number(memory) == 200, "200 turns");

  device->begin_record(two);
  for (int i = 0; i < 20; i++) turn(i);
  const auto program = device->end_record(two, true);
  for (int i = 0; i < 50; i++) program->run(e.ticket(program->parts()), i % 2 ? Timing::spans : Timing::none);
  e.end(e.last);
  expect(number(memory) == 1200, "50 runs of 20 turns");

  // Close with work queued: what has not run is rejected, and nobody waits for ever.
  for (int i = 0; i < 20; i++) program->run(e.ticket(program->parts()), Timing::each);
  const double last = e.last;
  two[0]->close(e.ticket());
  e.end(e.last);
  expect(!e.end(last).failure.empty(), "the last run to be rejected");
  two[1]->close(e.ticket());
  e.end(e.last);
}

/// An environment that ends under work.
void abandoned() {
  Environment e;
  auto device = std::make_shared<cpu::CpuDevice>(e.mailbox);
  const auto memory = device->allocate(1 << 16, false);
  auto stream = device->stream({});
  for (int i = 0; i < 200; i++) stream->copy({memory, 0}, {memory, 1 << 15}, 1 << 15);
  stream->synchronize(e.ticket());
  stream->abandon();
}

/// A command that must always run, and fails.
struct Failing final : cpu::Command {
  void execute() override { throw Error("[test] fails"); }
  bool always() const override { return true; }
};

/// Jobs that are dropped, whose commands fail: their tickets settle, and the process lives.
void dropped() {
  Environment e;
  const auto queue = std::make_shared<cpu::Queue>(e.mailbox);
  queue->push([&](cpu::Job& job) { job.command = std::make_unique<Failing>(), job.ticket = e.ticket(); });
  queue->close(e.ticket());
  e.mailbox->start_thread("test", [queue] { queue->loop(1); });
  expect(e.end(e.last - 1).failure.find("was closed before") != std::string::npos, "the job to be rejected");
  e.end(e.last);
}

/// Loaders that read a file on several threads, one of which closes under work and one under truncation.
void loaders() {
  Environment e;
  char path[] = "/tmp/alexnode-sanitize-XXXXXX";
  const int file = mkstemp(path);
  const std::vector<char> bytes(64 * 3072, 7);
  expect(write(file, bytes.data(), bytes.size()) == ssize_t(bytes.size()), "a file");
  const auto stored = std::make_shared<loader::StoredFile>(path);
  const auto device = std::make_shared<cpu::CpuDevice>(e.mailbox);
  const auto memory = device->allocate(20 * bytes.size(), true);
  const auto load = [&](loader::Loader& loader, bool jpeg, size_t place = 0) {
    loader.load(
        [&](loader::Batch& batch) {
          batch.records.clear();
          for (size_t i = 0; i < 64; i++) batch.records.push_back({stored, i * 3072, 3072, -1});
          batch.shape = {32, 32, 3}, batch.jpeg = jpeg, batch.to = {memory, place * bytes.size()};
        },
        e.ticket());
    return e.last;
  };
  {
    loader::Loader loader(e.mailbox, 3);
    for (int i = 0; i < 20; i++) expect(e.end(load(loader, false)).failure.empty(), "a batch");
    expect(memory->data[bytes.size() - 1] == std::byte(7), "the bytes of the file");
    expect(!e.end(load(loader, true)).failure.empty(), "no JPEG");
    for (size_t i = 0; i < 20; i++) load(loader, false, i);
    while (!e.ends.contains(e.last - 10)) e.loop.turn();
  }
  // Who is told can count on the memory being back, whatever was begun when the loader closed.
  for (double id = e.last - 19; id <= e.last; id++) e.end(id);
  expect(memory.use_count() == 1, "nobody to hold the memory after the last batch of a closed loader");
  {
    loader::Loader loader(e.mailbox, 2);
    load(loader, false);
    expect(ftruncate(file, 3072) == 0, "a shorter file");
    e.end(e.last);
    expect(e.end(load(loader, false)).failure.find("cut short") != std::string::npos, "a cut file");
  }
  close(file);
  unlink(path);
}

}  // namespace

int main() {
  for (int i = 0; i < 10; i++) streams(), abandoned(), dropped(), loaders();
  std::puts("10 rounds of streams, ends, dropped jobs and loaders");
}
