// Shared by the doubles of cuDNN and cublasLt: their live objects, work on a stream, and numbers of the three
// float types.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fake.h"

namespace {

/// Puts work on a stream; its error is one of the driver's.
template <class F>
int later(void* stream, F f) {
  return fake_enqueue(stream, fake_work(std::move(f)));
}

/// Whether all of it is device memory; if not, that is a misuse by the caller.
inline bool on_device(const char* call, const void* pointer, size_t bytes) {
  if (fake_is_device(pointer, bytes)) return true;
  fake_misuse((std::string(call) + ": a pointer that is not to device memory of that size").c_str());
  return false;
}

}  // namespace

/// Live handles and descriptors: one that was destroyed, or never created, is refused.
class Alive {
 public:
  /// `kind` is the library's word for them.
  explicit Alive(const char* kind) : kind_(kind) {}
  template <class T>
  T* add(T* made) {
    std::lock_guard lock(mutex_);
    all_.insert(made);
    fake_live(kind_, 1);
    return made;
  }
  /// False if it was not alive.
  template <class T>
  bool remove(T* made) {
    std::lock_guard lock(mutex_);
    if (all_.erase(made) == 0) return false;
    fake_live(kind_, -1);
    delete made;
    return true;
  }
  bool has(const void* made) {
    std::lock_guard lock(mutex_);
    return all_.count(made) > 0;
  }

 private:
  const char* kind_;
  std::mutex mutex_;
  std::set<const void*> all_;
};

namespace {

/// Whether a handle made in `context` may be used now, and on that stream; real libraries fail or use another
/// GPU.
inline bool in_context(const char* call, const void* context, void* stream = nullptr) {
  // Then no context can be made current.
  if (fake_sticky()) return true;
  if (context == fake_context() && (!stream || fake_context_of(stream) == context)) return true;
  fake_misuse((std::string(call) + ": handle, stream and current context are not of one context").c_str());
  return false;
}

enum class Type { f32, f16, bf16 };
inline size_t size_of(Type t) { return t == Type::f32 ? 4 : 2; }

inline float load(Type t, const void* from, int64_t i) {
  if (t == Type::f32) return static_cast<const float*>(from)[i];
  const auto bits = static_cast<const uint16_t*>(from)[i];
  return t == Type::f16 ? float(std::bit_cast<_Float16>(bits)) : std::bit_cast<float>(uint32_t(bits) << 16);
}
inline void store(Type t, void* to, int64_t i, float value) {
  if (t == Type::f32) {
    static_cast<float*>(to)[i] = value;
    return;
  }
  const auto u = std::bit_cast<uint32_t>(value);
  static_cast<uint16_t*>(to)[i] =
      t == Type::f16 ? std::bit_cast<uint16_t>(_Float16(value))
                     : uint16_t((value != value ? u | 0x400000 : u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/// As tensor cores take f32: ten bits behind the point.
inline void round_to_tf32(std::vector<float>& numbers) {
  for (auto& number : numbers)
    if (number == number)
      number = std::bit_cast<float>((std::bit_cast<uint32_t>(number) + 0x1000) & ~uint32_t(0x1fff));
}

inline bool aligned(const void* pointer, size_t to) { return reinterpret_cast<uintptr_t>(pointer) % to == 0; }

/// NaN in every type: a workspace holds it before and after, so that what overlaps it is spoilt.
inline void poison(void* workspace, size_t bytes) {
  if (bytes) std::memset(workspace, 0xff, bytes);
}

}  // namespace
