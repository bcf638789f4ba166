#include "cuda/stream.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>

#include "cuda/device.h"
#include "cuda/errors.h"
#include "cuda/program.h"
#include "cuda/table.h"
#include "wait.h"

namespace alexnode::cuda {

namespace {

/// Reads up to this size land in a place that each completion has.
constexpr size_t kSmall = 256, kPage = 64 * kSmall;

/// Vectors of this size are loaded: of an address that is no multiple of it, that would end the context.
constexpr size_t kAlignment = 16;

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

struct StreamState::Completion {
  Completion* next = nullptr;
  CUevent event = nullptr;
  std::byte* small = nullptr;  // pinned, kSmall bytes
  Ticket* ticket = nullptr;
  const std::byte* from = nullptr;  // what the ticket brings, when the event has passed
  size_t bytes = 0;
  void* owned = nullptr;  // pinned memory to free then
  bool last = false;
  void clear() { ticket = nullptr, from = nullptr, bytes = 0, owned = nullptr, last = false; }
};

StreamState::StreamState(std::shared_ptr<GpuContext> context, std::shared_ptr<Launcher> owner, bool high)
    : gpu(std::move(context)), launcher(std::move(owner)) {
  const auto& d = gpu->driver();
  gpu->make_current();
  int least = 0, greatest = 0;
  check(d, d.cuCtxGetStreamPriorityRange(&least, &greatest), "cuCtxGetStreamPriorityRange");
  priority = high ? greatest : least;
  check(d, d.cuStreamCreateWithPriority(&stream, kStreamNonBlocking, priority), "cuStreamCreateWithPriority");
  if (const int error = d.cuEventCreate(&fence_, kEventDisableTiming)) {
    d.cuStreamDestroy_v2(stream);
    check(d, error, "cuEventCreate");
  }
}

StreamState::~StreamState() { destroy(); }

void StreamState::destroy() noexcept {
  if (!stream) return;
  const auto& d = gpu->driver();
  d.cuCtxSetCurrent(gpu->gpu.context);
  for (auto& c : all_) d.cuEventDestroy_v2(c->event);
  for (void* page : small_) gpu->pinned.give(page);
  d.cuEventDestroy_v2(fence_);
  d.cuStreamDestroy_v2(stream);
  stream = nullptr;
}

std::thread StreamState::start_waiter(std::shared_ptr<StreamState> self, bool counted) {
  const auto mailbox = self->launcher->mailbox;
  if (counted) mailbox->thread_started();
  return std::thread([self = std::move(self), mailbox, counted]() mutable {
    auto* closing = self->wait_loop();
    self.reset();
    if (closing) mailbox->settle(closing);
    if (counted) mailbox->thread_ended();
  });
}

StreamState::Completion* StreamState::take() {
  std::lock_guard lock(mutex_);
  if (!free_) {
    const auto& d = gpu->driver();
    auto made = std::make_unique<Completion>();
    const size_t in_page = all_.size() % (kPage / kSmall);
    if (in_page == 0) {
      small_.push_back(gpu->pinned.take(kPage));
    }
    made->small = static_cast<std::byte*>(small_.back()) + in_page * kSmall;
    check(d, d.cuEventCreate(&made->event, kEventBlockingSync | kEventDisableTiming), "cuEventCreate");
    all_.push_back(std::move(made));
    free_ = all_.back().get();
  }
  Completion* c = free_;
  free_ = c->next;
  c->next = nullptr;
  return c;
}

void StreamState::give(Completion* c) {
  std::lock_guard lock(mutex_);
  (last_ ? last_->next : first_) = c;
  last_ = c;
  wake_.notify_one();
}

/// What was taken and will not be waited for.
void StreamState::give_back(Completion* c) {
  c->clear();
  std::lock_guard lock(mutex_);
  c->next = free_;
  free_ = c;
}

void StreamState::complete(Ticket* ticket, const Place& from, size_t bytes) {
  const auto& d = gpu->driver();
  auto* c = take();
  bool copies = false;
  try {
    if (bytes) {
      void* to = c->small;
      if (bytes > kSmall) {
        to = gpu->pinned.take(bytes);
        c->owned = to;
      }
      check(d, d.cuMemcpyDtoHAsync_v2(to, pointer(from), bytes, stream), "cuMemcpyDtoHAsync");
      copies = true;
      c->from = static_cast<std::byte*>(to);
    }
    check(d, d.cuEventRecord(c->event, stream), "cuEventRecord");
  } catch (...) {
    if (copies) d.cuStreamSynchronize(stream);
    if (c->owned) gpu->pinned.give(c->owned);
    give_back(c);
    throw;
  }
  c->ticket = ticket, c->bytes = bytes;
  give(c);
}

void StreamState::free_later(void* pinned) {
  const auto& d = gpu->driver();
  auto* c = take();
  if (const int error = d.cuEventRecord(c->event, stream)) {
    give_back(c);
    check(d, error, "cuEventRecord");
  }
  c->owned = pinned;
  give(c);
}

void StreamState::wait_for(StreamState& other) {
  const auto& d = gpu->driver();
  other.make_current();
  check(d, d.cuEventRecord(other.fence_, other.stream), "cuEventRecord");
  make_current();
  check(d, d.cuStreamWaitEvent(stream, other.fence_, 0), "cuStreamWaitEvent");
}

void StreamState::finish(Ticket* ticket) {
  gpu->forget(stream);
  auto& open = launcher->streams;
  open.erase(std::remove(open.begin(), open.end(), this), open.end());
  // From here on nobody else has memory wait for what still runs here.
  for (auto* pool : launcher->pools) pool->free_after(*this);
  // Not from take(), which needs a working GPU.
  auto* c = new Completion;
  c->ticket = ticket, c->last = true;
  give(c);
}

void StreamState::abandon() {
  abandoned_ = closed_ = true;
  std::lock_guard lock(mutex_);
  wake_.notify_one();
}

std::string StreamState::wait(Completion& c) noexcept {
  const auto& d = gpu->driver();
  try {
    make_current();
    check(d, d.cuEventSynchronize(c.event), "a kernel or copy, heard of at cuEventSynchronize,");
    if (c.ticket && c.bytes) {
      c.ticket->bytes.resize(c.bytes);
      std::memcpy(c.ticket->bytes.data(), c.from, c.bytes);
      c.ticket->has_bytes = true;
    }
    return {};
  } catch (const std::exception& e) {
    // A copy may still be under way to the memory that is let go after this.
    d.cuStreamSynchronize(stream);
    return e.what();
  }
}

Ticket* StreamState::wait_loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode-cuda");
#endif
  const auto& d = gpu->driver();
  std::unique_lock lock(mutex_);
  Ticket* closing = nullptr;
  for (;;) {
    wait_on(wake_, lock, [&] { return first_ || abandoned_; });
    if (abandoned_ && !first_) break;
    auto* c = first_;
    first_ = c->next;
    if (!first_) last_ = nullptr;
    lock.unlock();
    if (c->last) {
      closing = c->ticket;
      delete c;
      lock.lock();
      break;
    }
    const auto error = wait(*c);
    if (c->owned) gpu->pinned.give(c->owned);
    if (c->ticket) launcher->mailbox->settle(c->ticket, error);
    give_back(c);
    lock.lock();
  }
  lock.unlock();
  d.cuCtxSetCurrent(gpu->gpu.context);
  d.cuStreamSynchronize(stream);
  destroy();
  return closing;
}

CudaEvent::~CudaEvent() {
  if (!event_) return;
  gpu_->driver().cuCtxSetCurrent(gpu_->gpu.context);
  gpu_->driver().cuEventDestroy_v2(event_);
}

void CudaEvent::record(const Launch& launch) {
  const auto& d = gpu_->driver();
  if (launch.gpu.ordinal != gpu_->gpu.ordinal)
    fail("[event] was made on cuda:", gpu_->gpu.ordinal, ", and a stream of cuda:", launch.gpu.ordinal,
         " records it: make it with that device. Streams of any device can wait for it");
  if (!event_) check(d, d.cuEventCreate(&event_, kEventDisableTiming), "cuEventCreate");
  check(d, d.cuEventRecord(event_, launch.stream), "cuEventRecord");
}

void CudaEvent::wait(const Launch& launch) const {
  const auto& d = gpu_->driver();
  if (event_) check(d, d.cuStreamWaitEvent(launch.stream, event_, 0), "cuStreamWaitEvent");
}

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
    if (reinterpret_cast<uintptr_t>(slots[i].data()) % kAlignment && kernel->specs[i].bytes() >= kAlignment)
      kernel->specs.fail(kernel->specs.slots[i].name, ": expected an offset that is a multiple of ",
                         kAlignment, " on a GPU, got ", slots[i].offset);
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

/// The launcher, which is stopped first, has told the waiter.
void CudaStream::abandon() { state_->close(); }

}  // namespace alexnode::cuda
