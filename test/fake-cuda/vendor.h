// What the doubles of cuDNN and cublasLt share: calls that may be told to fail, work that runs later on a
// stream of the driver's double, and numbers of the three float types.
#pragma once
#include <dlfcn.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "fake.h"

namespace {

/// A function of the driver's double, which is opened first; null without one.
template <class F>
F* of_driver(const char* name) {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  return driver ? reinterpret_cast<F*>(dlsym(driver, name)) : nullptr;
}

/// Counts a call; not 0 is the error that it was told to fail with.
int called(const char* symbol) {
  static auto* call = of_driver<int(const char*)>("fake_call");
  return call ? call(symbol) : 0;
}

template <class F>
void later(void* stream, F f) {
  struct Work final : FakeWork {
    explicit Work(F f) : f(std::move(f)) {}
    void run() override { f(); }
    F f;
  };
  static auto* enqueue = of_driver<void(void*, std::shared_ptr<FakeWork>)>("fake_enqueue");
  auto work = std::make_shared<Work>(std::move(f));
  enqueue ? enqueue(stream, std::move(work)) : work->run();
}

/// Handles and descriptors that are alive: what was destroyed, or never made, is refused.
class Alive {
 public:
  template <class T>
  T* add(T* made) {
    std::lock_guard lock(mutex_);
    all_.insert(made);
    return made;
  }
  /// False where it was not alive.
  template <class T>
  bool remove(T* made) {
    std::lock_guard lock(mutex_);
    if (all_.erase(made) == 0) return false;
    delete made;
    return true;
  }
  bool has(const void* made) {
    std::lock_guard lock(mutex_);
    return all_.count(made) > 0;
  }

 private:
  std::mutex mutex_;
  std::set<const void*> all_;
};
Alive& alive() {
  static auto* the_alive = new Alive;
  return *the_alive;
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

inline bool aligned(const void* pointer, size_t to) { return reinterpret_cast<uintptr_t>(pointer) % to == 0; }

/// NaN in every type: a workspace holds it before and after, so that what overlaps it is spoilt.
inline void poison(void* workspace, size_t bytes) {
  if (bytes) std::memset(workspace, 0xff, bytes);
}

}  // namespace
