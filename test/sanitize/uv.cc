// The functions of libuv that native/uv.h declares, for programs without Node: a loop of one async handle.
#include "uv.h"

#include <condition_variable>
#include <mutex>

#include "uv_loop.h"

struct uv_async_s {
  uv_loop_s* loop;
  void (*callback)(uv_async_s*);
  void* data;
};

extern "C" {
size_t uv_handle_size(int) { return sizeof(uv_async_s); }

int uv_async_init(uv_loop_s* loop, uv_async_s* async, void (*callback)(uv_async_s*)) {
  *async = {loop, callback, nullptr};
  loop->async = async;
  return 0;
}

int uv_async_send(uv_async_s* async) {
  std::lock_guard lock(async->loop->mutex);
  async->loop->sent = true;
  async->loop->wake.notify_one();
  return 0;
}

void uv_close(uv_handle_s* handle, void (*callback)(uv_handle_s*)) { callback(handle); }
void uv_ref(uv_handle_s*) {}
void uv_unref(uv_handle_s*) {}
void* uv_handle_get_data(const uv_handle_s* handle) {
  return reinterpret_cast<const uv_async_s*>(handle)->data;
}
void uv_handle_set_data(uv_handle_s* handle, void* data) {
  reinterpret_cast<uv_async_s*>(handle)->data = data;
}
}

void uv_loop_s::turn() {
  std::unique_lock lock(mutex);
  wake.wait(lock, [&] { return sent; });
  sent = false;
  lock.unlock();
  async->callback(async);
}
