// The few functions of libuv that the addon calls, declared here: Node exports them, and their ABI has not
// changed since libuv 1.19, but Node-API's header package does not carry uv.h.
#pragma once
#include <cstddef>

extern "C" {
struct uv_loop_s;
struct uv_handle_s;
struct uv_async_s;
constexpr int kUvAsync = 1;  // UV_ASYNC
size_t uv_handle_size(int type);
int uv_async_init(uv_loop_s* loop, uv_async_s* async, void (*callback)(uv_async_s*));
int uv_async_send(uv_async_s* async);
void uv_close(uv_handle_s* handle, void (*callback)(uv_handle_s*));
void uv_ref(uv_handle_s* handle);
void uv_unref(uv_handle_s* handle);
void* uv_handle_get_data(const uv_handle_s* handle);
void uv_handle_set_data(uv_handle_s* handle, void* data);
}
