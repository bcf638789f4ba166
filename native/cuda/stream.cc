#include "cuda/stream.h"

#include <cstdint>

#include "cuda/device.h"
#include "cuda/event.h"
#include "cuda/program.h"
#include "cuda/table.h"

namespace alexnode::cuda {

namespace {

CUdeviceptr pointer(const Place& place) { return reinterpret_cast<CUdeviceptr>(place.data()); }

struct CopyCommand final : Command {
  CopyCommand(Place to, Place from, size_t bytes) : to(std::move(to)), from(std::move(from)), bytes(bytes) {}
  void execute(const Launch& launch) override {
    const auto& d = launch.libraries.driver;
    if (from.memory->host)
      check(d, d.cuMemcpyHtoDAsync_v2(pointer(to), from.data(), bytes, launch.stream), "cuMemcpyHtoDAsync");
    else if (to.memory->host)
      check(d, d.cuMemcpyDtoHAsync_v2(to.data(), pointer(from), bytes, launch.stream), "cuMemcpyDtoHAsync");
    else if (gpu(to).reaches(gpu(from).gpu.ordinal) && gpu(from).reaches(gpu(to).gpu.ordinal))
      check(d, d.cuMemcpyDtoDAsync_v2(pointer(to), pointer(from), bytes, launch.stream), "cuMemcpyDtoDAsync");
    else
      check(d,
            d.cuMemcpyPeerAsync(pointer(to), gpu(to).gpu.context, pointer(from), gpu(from).gpu.context, bytes,
                                launch.stream),
            "cuMemcpyPeerAsync");
  }
  static const GpuContext& gpu(const Place& p) { return static_cast<const CudaMemory&>(*p.memory).gpu(); }
  Place to, from;
  size_t bytes;
};

struct RecordCommand final : Command {
  explicit RecordCommand(std::shared_ptr<CudaEvent> e) : event(std::move(e)) {}
  void execute(const Launch& launch) override { event->record(launch); }
  std::shared_ptr<CudaEvent> event;
};

struct WaitCommand final : Command {
  explicit WaitCommand(std::shared_ptr<CudaEvent> e) : event(std::move(e)) {}
  void execute(const Launch& launch) override { event->wait(launch); }
  std::shared_ptr<CudaEvent> event;
};

}  // namespace

CudaStream::CudaStream(const CudaDevice* owner, std::shared_ptr<StreamState> state)
    : owner_(owner), state_(std::move(state)) {
  device = owner;
  home = state_->gpu->serial;
  state_->launcher->push([&](Job& job) {
    job.work = [state = state_] {
      StreamState::start_waiter(state, true).detach();
      state->launcher->streams.push_back(state.get());
      for (auto* pool : state->launcher->pools) pool->after_filling(*state);
    };
  });
}

template <class Fill>
void CudaStream::push(Fill&& fill) {
  const bool queued = !state_->closed() && state_->launcher->push([&](Job& job) {
    job.stream = state_;
    fill(job);
  });
  if (!queued) fail("[stream] is closed: open another one");
}

void CudaStream::submit(std::unique_ptr<Command> command) {
  if (recording_) return recording_->add(*state_, std::move(command));
  push([&](Job& job) {
    job.work = [state = state_.get(), command = std::shared_ptr<Command>(std::move(command))] {
      command->execute(state->launch());
    };
  });
}

void CudaStream::prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) {
  push([&](Job& job) {
    job.ticket = ticket;
    job.work = [state = state_.get(), ticket, op, pool = owner_->pool(), options = owner_->options(),
                fields = std::move(fields), specs = std::make_shared<Specs>(std::move(specs))] {
      auto& gpu = *state->gpu;
      const Target target{gpu.libraries, gpu.gpu,         options,     gpu.modules,
                          pool->handle,  state->launch(), &gpu.choices};
      std::shared_ptr<Kernel> kernel = make(op, fields.get(), std::move(*specs), target);
      kernel->home = gpu.serial;
      kernel->scratch = (kernel->scratch + 63) / 64 * 64;
      ticket->kernel = std::move(kernel);
    };
  });
}

void CudaStream::run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) {
  for (size_t i = 0; i < slots.size(); i++)
    if (reinterpret_cast<uintptr_t>(slots[i].data()) % kernel->alignment)
      kernel->specs.fail(kernel->specs.slots[i].name, ": expected an offset that is a multiple of ",
                         kernel->alignment, " on a GPU, got ", slots[i].offset);
  if (recording_) {
    for (auto& p : slots)
      if (p.memory) recording_->uses.push_back(p.memory);
    if (scratch.memory) recording_->uses.push_back(scratch.memory);
  }
  submit(std::make_unique<RunCommand>(std::move(kernel), std::move(slots), std::move(scratch)));
}

bool CudaStream::reaches(const Memory& memory) const {
  return memory.device == device || dynamic_cast<const CudaMemory*>(&memory);
}

void CudaStream::copy(Place to, Place from, size_t bytes) {
  if (to.memory->host && from.memory->host)
    fail("[copy] expected the memory of a GPU on one side, got staging buffers on both");
  for (const auto& [host, own] : {std::pair(&to, &from), std::pair(&from, &to)})
    if (host->memory->host && !is_own(*own->memory))
      fail(
          "[copy] a staging buffer is copied to or from another GPU than the stream's: use a stream of that "
          "one");
  if (recording_) recording_->uses.insert(recording_->uses.end(), {to.memory, from.memory});
  if (bytes) submit(std::make_unique<CopyCommand>(std::move(to), std::move(from), bytes));
}

bool CudaStream::is_own(const Memory& memory) const {
  return static_cast<const CudaMemory&>(memory).gpu().serial == home;
}

void CudaStream::read(Place from, size_t bytes, Ticket* ticket) {
  if (from.memory->host) fail("[read] a staging buffer is the host's own: it is not read through a stream");
  if (!is_own(*from.memory)) fail("[read] the buffer lies on another device than the stream");
  push([&](Job& job) {
    job.from = std::move(from), job.bytes = bytes, job.ticket = ticket, job.synchronize = true;
  });
}

void CudaStream::record(EventPtr given) {
  auto event = std::dynamic_pointer_cast<CudaEvent>(std::move(given));
  if (!event) fail("[event] was made on a CPU: make it with a device of this stream's kind");
  if (recording_) {
    event->program = recording_->weak_from_this();
    event->slot = recording_->record(*state_);
  } else {
    submit(std::make_unique<RecordCommand>(std::move(event)));
  }
}

void CudaStream::wait(EventPtr given) {
  auto event = std::dynamic_pointer_cast<CudaEvent>(std::move(given));
  if (!event) fail("[event] was made on a CPU: make it with a device of this stream's kind");
  if (!recording_) return submit(std::make_unique<WaitCommand>(std::move(event)));
  if (event->program.lock().get() != recording_)
    fail("[stream] cannot wait, while recording, for an event that was not recorded in the same program");
  recording_->wait(*state_, event->slot);
}

void CudaStream::synchronize(Ticket* ticket) {
  push([&](Job& job) { job.ticket = ticket, job.synchronize = true; });
}

void CudaStream::close(Ticket* ticket) {
  state_->close();
  const bool queued = state_->launcher->push(
      [&](Job& job) { job.work = [state = state_, ticket] { state->finish(ticket); }; });
  if (!queued) state_->launcher->mailbox->settle(ticket);
}

/// The launcher, which is stopped first, has stopped the waiter.
void CudaStream::abandon() { state_->close(); }

}  // namespace alexnode::cuda
