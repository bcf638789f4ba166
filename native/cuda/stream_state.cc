#include "cuda/stream_state.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "cuda/errors.h"
#include "cuda/memory.h"
#include "wait.h"

namespace alexnode::cuda {

namespace {

/// Every completion has its own memory for reads up to this size.
constexpr size_t kSmall = 256, kPage = 64 * kSmall;
/// Completions are created this many at a time: enough for two steps in flight.
constexpr int kAtOnce = 8;

}  // namespace

struct StreamState::Completion {
  Completion* next = nullptr;
  CUevent event = nullptr;
  std::byte* small = nullptr;  // pinned, kSmall bytes
  Ticket* ticket = nullptr;
  const std::byte* from = nullptr;  // what the ticket returns after the event
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
  if (const int error = d.cuEventCreate(&fence_, kEventBlockingSync | kEventDisableTiming)) {
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
  try {
    return std::thread([self = std::move(self), mailbox, counted]() mutable {
      auto* closing = self->wait_loop();
      self.reset();
      if (closing) mailbox->settle(closing);
      if (counted) mailbox->thread_ended();
    });
  } catch (const std::system_error& error) {
    if (counted) mailbox->thread_ended();
    fail_for_threads("stream", error.what());
  }
}

StreamState::Completion* StreamState::take() {
  std::lock_guard lock(mutex_);
  for (int i = 0; !free_ || (0 < i && i < kAtOnce); i++) {
    const auto& d = gpu->driver();
    auto made = std::make_unique<Completion>();
    const size_t in_page = all_.size() % (kPage / kSmall);
    if (in_page == 0) {
      small_.push_back(gpu->pinned.take(kPage));
    }
    made->small = static_cast<std::byte*>(small_.back()) + in_page * kSmall;
    check(d, d.cuEventCreate(&made->event, kEventBlockingSync | kEventDisableTiming), "cuEventCreate");
    all_.push_back(std::move(made));
    all_.back()->next = free_;
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

/// Gives back a completion that is not used.
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
      check(d, d.cuMemcpyDtoHAsync_v2(to, CUdeviceptr(from.data()), bytes, stream), "cuMemcpyDtoHAsync");
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
  // From here on freed memory no longer waits for this stream, so make it wait for its last work now.
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

Failure StreamState::wait(Completion& c) noexcept {
  const auto& d = gpu->driver();
  try {
    make_current();
    {
      const CollectiveWaits::One waiting(gpu->waits);
      check(d, d.cuEventSynchronize(c.event), "a kernel or copy, heard of at cuEventSynchronize,");
    }
    if (c.ticket)
      if (auto why = gpu->waits.failure(); !why.empty()) return Failure(std::move(why));
    if (c.ticket && c.bytes) {
      c.ticket->bytes.resize(c.bytes);
      std::memcpy(c.ticket->bytes.data(), c.from, c.bytes);
      c.ticket->has_bytes = true;
    }
    return {};
  } catch (const std::exception& e) {
    // A copy to the memory that is freed next may still be in flight.
    d.cuStreamSynchronize(stream);
    return Failure(e);
  }
}

Ticket* StreamState::wait_loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode-wait");
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
    auto* ticket = c->ticket;
    // First, so that the code that the ticket resumes finds it free.
    give_back(c);
    if (ticket) launcher->mailbox->settle(ticket, error);
    lock.lock();
  }
  lock.unlock();
  d.cuCtxSetCurrent(gpu->gpu.context);
  // Nothing else uses the fence any more. It is preferred, because cuStreamSynchronize may spin.
  if (d.cuEventRecord(fence_, stream) || d.cuEventSynchronize(fence_)) d.cuStreamSynchronize(stream);
  destroy();
  return closing;
}

}  // namespace alexnode::cuda
