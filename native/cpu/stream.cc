// Each call becomes a command: queued at once or, while a program is recorded, added to the program.
#include "cpu/stream.h"

#include <cstdint>
#include <cstring>

#include "cpu/device.h"
#include "cpu/event.h"
#include "cpu/memory.h"
#include "cpu/program.h"

namespace alexnode::cpu {

namespace {

struct RunCommand final : Command {
  RunCommand(std::shared_ptr<Kernel> k, std::vector<Place> places, Place s)
      : kernel(std::move(k)), slots(std::move(places)), scratch(std::move(s)) {
    for (auto& p : slots) pointers.push_back(p.data());
  }
  void execute() override { kernel->run({pointers.data(), scratch.data()}); }
  std::shared_ptr<Kernel> kernel;
  std::vector<Place> slots;
  Place scratch;
  std::vector<void*> pointers;
};

CpuEvent& own(Event& event) {
  auto* e = dynamic_cast<CpuEvent*>(&event);
  if (!e) fail("[event] was made on a GPU: make it with a device of this stream's kind");
  return *e;
}

struct CopyCommand final : Command {
  CopyCommand(Place to, Place from, size_t bytes) : to(std::move(to)), from(std::move(from)), bytes(bytes) {}
  void execute() override { std::memmove(to.data(), from.data(), bytes); }
  Place to, from;
  size_t bytes;
};

using Gate = std::shared_ptr<CpuEvent::Gate>;

struct RecordCommand final : Command {
  RecordCommand(Gate g, uint64_t v) : gate(std::move(g)), value(v) {}
  void execute() override { value ? gate->reach(value) : gate->pass(); }
  bool always() const override { return true; }
  Gate gate;
  uint64_t value;  // 0: in a program, one more than before
};

struct WaitCommand final : Command {
  WaitCommand(Gate g, uint64_t v, std::shared_ptr<Waited> w)
      : gate(std::move(g)), value(v), waited(std::move(w)) {}
  void execute() override { *waited += gate->await(value ? value : ++runs).count(); }
  bool always() const override { return true; }
  Gate gate;
  uint64_t value, runs = 0;
  std::shared_ptr<Waited> waited;
};

}  // namespace

CpuStream::CpuStream(std::shared_ptr<Mailbox> mailbox, int threads, const void* owner)
    : queue_(std::make_shared<Queue>(mailbox)) {
  device = owner;
  mailbox->start_thread("stream", [queue = queue_, threads] { queue->loop(threads); });
}

CpuStream::~CpuStream() { abandon(); }

void CpuStream::submit(std::unique_ptr<Command> command) {
  if (recording_)
    recording_->of(this).push_back(std::move(command));
  else
    queue_->push([&](Job& job) { job.command = std::move(command); });
}

void CpuStream::prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) {
  queue_->push([&](Job& job) {
    job.prepare = [op, fields = std::move(fields), specs = std::move(specs)]() mutable {
      return make(op, fields.get(), std::move(specs));
    };
    job.ticket = ticket;
  });
}

void CpuStream::run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) {
  if (recording_) {
    for (auto& p : slots)
      if (p.memory) recording_->uses.push_back(p.memory);
    if (scratch.memory) recording_->uses.push_back(scratch.memory);
  }
  submit(std::make_unique<RunCommand>(std::move(kernel), std::move(slots), std::move(scratch)));
}

void CpuStream::copy(Place to, Place from, size_t bytes) {
  if (recording_) recording_->uses.insert(recording_->uses.end(), {to.memory, from.memory});
  submit(std::make_unique<CopyCommand>(std::move(to), std::move(from), bytes));
}

void CpuStream::read(Place from, size_t bytes, Ticket* ticket) {
  if (from.memory->device != device) fail("[read] the buffer lies on another device than the stream");
  queue_->push([&](Job& job) { job.from = std::move(from), job.bytes = bytes, job.ticket = ticket; });
}

void CpuStream::record(EventPtr event) {
  auto& e = own(*event);
  if (recording_) {
    e.recorded = std::make_shared<CpuEvent::Gate>();
    e.program = recording_->weak_from_this();
    submit(std::make_unique<RecordCommand>(e.recorded, 0));
  } else {
    submit(std::make_unique<RecordCommand>(e.gate, ++e.issued));
  }
}

void CpuStream::wait(EventPtr event) {
  auto& e = own(*event);
  if (recording_) {
    if (!e.recorded || e.program.lock().get() != recording_)
      fail("[stream] cannot wait, while recording, for an event that was not recorded in the same program");
    submit(std::make_unique<WaitCommand>(e.recorded, 0, waited_));
  } else if (e.issued) {
    submit(std::make_unique<WaitCommand>(e.gate, e.issued, waited_));
  }
}

void CpuStream::synchronize(Ticket* ticket) {
  queue_->push([&](Job& job) { job.ticket = ticket; });
}

void CpuStream::run_commands(std::shared_ptr<const Commands> commands, Ticket* ticket, Times times) {
  queue_->push([&](Job& job) { job.commands = std::move(commands), job.ticket = ticket, job.times = times; });
}

bool CpuStream::reaches(const Memory& memory) const {
  return memory.device == device || is_cpu_memory(memory);
}

void CpuStream::close(Ticket* ticket) { queue_->close(ticket); }

void CpuStream::abandon() { queue_->abandon(); }

}  // namespace alexnode::cpu
