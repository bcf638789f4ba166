#include "ticket.h"

#include <system_error>
#include <thread>

#include "wait.h"

namespace alexnode {

Mailbox::Mailbox(uv_loop_s* loop, Deliver deliver)
    : async_(static_cast<uv_async_s*>(::operator new(uv_handle_size(kUvAsync)))),
      deliver_(std::move(deliver)) {
  uv_async_init(loop, async_, [](uv_async_s* a) {
    static_cast<Mailbox*>(uv_handle_get_data(reinterpret_cast<uv_handle_s*>(a)))->drain();
  });
  uv_handle_set_data(handle(), this);
  uv_unref(handle());
}

Mailbox::~Mailbox() = default;

Ticket* Mailbox::take(double id, int parts) {
  if (pending_++ == 0) uv_ref(handle());
  std::lock_guard lock(mutex_);
  Ticket* t = tickets_.take();
  t->id = id, t->parts = parts, t->has_bytes = t->has_times = false;
  t->failure = {}, t->kernel.reset(), t->device.reset();
  return t;
}

void Mailbox::settle(Ticket* t, const Failure& failure) {
  if (!failure.empty()) {
    std::lock_guard lock(t->mutex);
    if (t->failure.empty()) t->failure = failure;
  }
  if (t->parts.fetch_sub(1) != 1) return;
  std::lock_guard lock(mutex_);
  t->next = nullptr;
  (last_ ? last_->next : first_) = t;
  last_ = t;
  if (!closed_) uv_async_send(async_);
}

void Mailbox::drain() {
  for (;;) {
    Ticket* t;
    {
      std::lock_guard lock(mutex_);
      t = first_;
      if (!t || closed_) return;
      first_ = t->next;
      if (!first_) last_ = nullptr;
    }
    if (--pending_ == 0) uv_unref(handle());
    deliver_(*t);
    std::lock_guard lock(mutex_);
    t->kernel.reset(), t->device.reset();
    tickets_.give(t);
  }
}

void Mailbox::close(std::function<void()> done) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  uv_handle_set_data(handle(), new std::function<void()>(std::move(done)));
  uv_close(handle(), [](uv_handle_s* h) {
    auto* after = static_cast<std::function<void()>*>(uv_handle_get_data(h));
    (*after)();
    delete after;
    ::operator delete(h);
  });
}

void Mailbox::thread_started() {
  std::lock_guard lock(mutex_);
  threads_++;
}

void Mailbox::thread_ended() {
  std::lock_guard lock(mutex_);
  if (--threads_ == 0) idle_.notify_all();
}

void Mailbox::start_thread(std::string_view what, std::function<void()> loop) {
  thread_started();
  try {
    std::thread([self = shared_from_this(), loop = std::move(loop)]() mutable {
      loop();
      loop = nullptr;  // before it counts as ended
      self->thread_ended();
    }).detach();
  } catch (const std::system_error& error) {
    thread_ended();
    fail_for_threads(what, error.what());
  } catch (...) {
    thread_ended();
    throw;
  }
}

void Mailbox::wait_for_threads() {
  std::unique_lock lock(mutex_);
  wait_on(idle_, lock, [&] { return threads_ == 0; });
}

}  // namespace alexnode
