#include "js/environment.h"

#include <node_api.h>

#include <cstdint>

#include "cuda/communicator.h"
#include "cuda/cuda.h"
#include "group/group.h"
#include "loader/loader.h"

namespace alexnode::js {

Environment::Environment(Napi::Env env) {
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  mailbox = std::make_shared<Mailbox>(loop, [this, env](Ticket& t) {
    try {
      deliver(env, t);
    } catch (...) {
      // A worker is being terminated: its environment accepts no calls, and no promise can settle.
    }
  });
  // The hook runs when the environment ends, even with work in flight. Streams stop between two commands, and
  // the hook waits for them: a thread that computes while the process unloads its libraries would crash it.
  napi_async_cleanup_hook_handle ignored;
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle handle, void* self) {
        auto* e = static_cast<Environment*>(self);
        e->end();
        auto mailbox = e->mailbox;
        mailbox->close([handle, mailbox] { napi_remove_async_cleanup_hook(handle); });
      },
      this, &ignored);
}

void Environment::end() {
  // The launcher or a GPU may be waiting for another process.
  for (auto& [id, one] : communicators) one->abort();
  // First, so that no work reaches a stream that is being closed.
  if (cuda) cuda->abandon();
  for (auto& [id, stream] : streams) stream->abandon();
  for (auto& [id, loader] : loaders) loader->abandon();
  // A stream may be waiting for another process.
  for (auto& [id, group] : groups) group->abort();
  mailbox->wait_for_threads();
  if (cuda) cuda->drop();
  programs.clear(), ops.clear(), streams.clear(), events.clear(), buffers.clear(), devices.clear();
  loaders.clear(), files.clear(), groups.clear(), communicators.clear();
  // Those that were closed a moment ago may still be taking leave of the other ranks.
  for (auto& weak : cores)
    if (auto core = std::static_pointer_cast<cuda::Communicator::Core>(weak.lock()))
      cuda::Communicator::wait_for(*core);
}

Napi::Error to_error(Napi::Env env, const Failure& failure) {
  auto error = Napi::Error::New(env, failure.words);
  if (failure.out_of_memory) error.Set("code", "ALEXNODE_OUT_OF_MEMORY");
  if (failure.record) error.Set("record", double(*failure.record));
  return error;
}

void Environment::deliver(Napi::Env env, Ticket& t) {
  Napi::HandleScope scope(env);
  napi_value function;
  if (on_settled.IsEmpty() || napi_get_reference_value(env, on_settled, &function) != napi_ok) return;
  napi_value args[3];
  napi_value undefined;
  napi_get_undefined(env, &undefined);
  args[0] = Napi::Number::New(env, t.id);
  args[1] = t.failure.empty() ? undefined : napi_value(to_error(env, t.failure).Value());
  args[2] = undefined;
  if (t.failure.empty()) {
    if (t.kernel) {
      auto result = Napi::Object::New(env);
      auto specs = Napi::Array::New(env, t.kernel->specs.size());
      for (size_t i = 0; i < t.kernel->specs.size(); i++) {
        const auto& s = t.kernel->specs[i];
        if (s.absent) continue;
        auto spec = Napi::Object::New(env);
        auto shape = Napi::Array::New(env, s.shape.size());
        for (size_t d = 0; d < s.shape.size(); d++) shape[d] = double(s.shape[d]);
        spec["shape"] = shape;
        spec["dtype"] = std::string(name_of(s.dtype));
        spec["layout"] = s.layout;
        spec["bytes"] = double(s.bytes());
        specs[i] = spec;
      }
      result["specs"] = specs;
      result["scratch"] = double(t.kernel->scratch);
      result["implementation"] = t.kernel->implementation;
      result["id"] = ops.add(t.kernel);
      args[2] = result;
    } else if (t.device) {
      args[2] = Napi::Number::New(env, devices.add(t.device));
    } else if (t.has_bytes) {
      auto buffer = Napi::ArrayBuffer::New(env, t.bytes.size());
      std::copy(t.bytes.begin(), t.bytes.end(), static_cast<uint8_t*>(buffer.Data()));
      args[2] = buffer;
    } else if (t.has_times) {
      auto times = Napi::Float64Array::New(env, t.times.size());
      std::copy(t.times.begin(), t.times.end(), times.Data());
      args[2] = times;
    }
  }
  // In a terminating worker this fails, and its promises stay pending. Node accepts null for the result, but
  // Deno writes to it anyway.
  napi_value result;
  napi_make_callback(env, nullptr, Napi::Object::New(env), function, 3, args, &result);
}

}  // namespace alexnode::js
