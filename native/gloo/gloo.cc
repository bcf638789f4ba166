// The functions of api.h. No exception leaves them.
#include <gloo/allreduce.h>
#include <gloo/broadcast.h>

#include <cstdint>
#include <cstring>

#include "gloo/api.h"
#include "gloo/mesh.h"

namespace alexnode {

namespace {

using gloo::Mesh;

/// The caller shares what a call in a thread of its own may still need.
std::shared_ptr<Mesh>& mesh_of(void* handle) { return *static_cast<std::shared_ptr<Mesh>*>(handle); }

template <class F>
auto guarded(char* error, F f) -> decltype(f()) {
  try {
    return f();
  } catch (const std::exception& e) {
    std::strncpy(error, e.what(), kGlooWords - 1);
  } catch (...) {
    std::strncpy(error, "unknown error", kGlooWords - 1);
  }
  error[kGlooWords - 1] = '\0';
  return {};
}

void sum_f32(void* y, const void* a, const void* b, size_t n) {
  auto* out = static_cast<float*>(y);
  const auto *x = static_cast<const float*>(a), *z = static_cast<const float*>(b);
  for (size_t i = 0; i < n; i++) out[i] = x[i] + z[i];
}

float widened(uint16_t bits) {
  const uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// To the nearest bf16, ties to even; NaN stays one.
uint16_t rounded(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  const uint32_t nearest = (word + 0x7fffu + (word >> 16 & 1)) >> 16;
  return uint16_t(value != value ? word >> 16 | 0x40 : nearest);
}

void sum_bf16(void* y, const void* a, const void* b, size_t n) {
  auto* out = static_cast<uint16_t*>(y);
  const auto *x = static_cast<const uint16_t*>(a), *z = static_cast<const uint16_t*>(b);
  for (size_t i = 0; i < n; i++) out[i] = rounded(widened(x[i]) + widened(z[i]));
}

void* open(int rank, int size, const char* host, int64_t timeout_ms, char* error) {
  return guarded(error, [&]() -> void* {
    const std::chrono::milliseconds timeout(timeout_ms);
    return new std::shared_ptr<Mesh>(std::make_shared<Mesh>(rank, size, host, timeout));
  });
}

bool address(void* handle, int peer, char* bytes, size_t* count, char* error) {
  return guarded(error, [&] {
    const auto found = mesh_of(handle)->address(peer);
    if (found.size() > kGlooAddress) throw std::runtime_error("an address is too long");
    std::memcpy(bytes, found.data(), found.size());
    *count = found.size();
    return true;
  });
}

bool connect(void* handle, int peer, const char* bytes, size_t count, char* error) {
  return guarded(error, [&] {
    mesh_of(handle)->connect(peer, std::vector<char>(bytes, bytes + count));
    return true;
  });
}

bool all_reduce(void* handle, void* data, size_t count, bool bf16, uint32_t tag, char* error) {
  return guarded(error, [&] {
    ::gloo::AllreduceOptions options(mesh_of(handle));
    if (bf16)
      options.setOutput(static_cast<uint16_t*>(data), count);
    else
      options.setOutput(static_cast<float*>(data), count);
    options.setReduceFunction(bf16 ? sum_bf16 : sum_f32);
    options.setTag(tag);
    ::gloo::allreduce(options);
    return true;
  });
}

bool broadcast(void* handle, void* data, size_t bytes, int root, uint32_t tag, char* error) {
  return guarded(error, [&] {
    ::gloo::BroadcastOptions options(mesh_of(handle));
    options.setOutput(static_cast<char*>(data), bytes);
    options.setRoot(root);
    options.setTag(tag);
    ::gloo::broadcast(options);
    return true;
  });
}

void abort(void* handle) {
  char error[kGlooWords];
  guarded(error, [&] {
    mesh_of(handle)->abort();
    return true;
  });
}

void close(void* handle) { delete static_cast<std::shared_ptr<Mesh>*>(handle); }

constexpr GlooApi kApi{kGlooVersion, open, address, connect, all_reduce, broadcast, abort, close};

}  // namespace

}  // namespace alexnode

extern "C" __attribute__((visibility("default"))) const alexnode::GlooApi* alexnode_gloo() {
  return &alexnode::kApi;
}
