// Shared by the files of cuDNN's double: handles and tensors, which objects are alive, and how a function
// begins and ends.
#pragma once
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "cuda/api/cudnn.h"
#include "vendor.h"

namespace alexnode::cuda {

struct cudnnContext {
  void* context = fake_context();
  CUstream stream = nullptr;
  bool bound = false;
};
struct cudnnTensorStruct {
  int format = -1, type = -1;
  std::array<int64_t, 4> d{};  // N, C, H, W
};

}  // namespace alexnode::cuda

// The double has only the functions that the addon uses. Declared here, none can be defined with other
// parameters.
using namespace alexnode::cuda;

#define DECLARE(result, name, parameters) result name parameters;
extern "C" {
ALEXNODE_CUDNN(DECLARE)
}
#undef DECLARE

namespace fake_cudnn {

constexpr int kNull = 2002, kMisaligned = 2003, kSmall = 2006, kType = 3003, kLayout = 3004;

/// Aborts, like cuDNN, if a library that it needs is not open.
void need_all();

/// The start of every function that returns a status.
#define BEGIN             \
  fake_cudnn::need_all(); \
  if (const int e = fake_call(__func__)) return e
/// The body of every function that destroys an object, which it does even if an error is planned.
#define GIVE_BACK(object)                        \
  fake_cudnn::need_all();                        \
  const int failed = fake_call(__func__);        \
  const int wrong = fake_cudnn::destroy(object); \
  return failed ? failed : wrong

/// The objects that were created and not destroyed.
Alive& alive();

template <class T>
int make(T** to) {
  if (!to) return kNull;
  *to = alive().add(new T);
  return 0;
}
template <class T>
int destroy(T* made) {
  return alive().remove(made) ? 0 : kCudnnBadParam;
}
template <class... T>
bool all_alive(const T*... made) {
  return (alive().has(made) && ...);
}

template <class... T>
bool ready(const char* call, cudnnHandle_t handle, const T*... made) {
  return all_alive(handle, made...) && in_context(call, handle->context);
}

inline bool float_type(int type) {
  return type == kCudnnFloat || type == kCudnnHalf || type == kCudnnBfloat16;
}
inline Type type_of(int type) {
  return type == kCudnnFloat ? Type::f32 : type == kCudnnHalf ? Type::f16 : Type::bf16;
}

template <class T>
bool is_set(const T& t) {
  return t.format >= 0;
}

template <class T>
bool tensor_on_device(const char* call, const T& t, const void* pointer) {
  return ::on_device(call, pointer, size_t(t.d[0] * t.d[1] * t.d[2] * t.d[3]) * size_of(type_of(t.type)));
}

/// Puts work on the handle's stream.
template <class F>
int start(cudnnHandle_t handle, F f) {
  return later(handle->stream, std::move(f)) ? kCudnnDriverFailed : 0;
}

/// A tensor's numbers as floats, N, H, W, C; a filter's K, H, W, C.
template <class T>
std::vector<float> read(const T& t, const void* from) {
  const auto [n, c, h, w] = t.d;
  std::vector<float> out(size_t(n * c * h * w));
  const Type type = type_of(t.type);
  if (t.format == kCudnnNhwc) {
    for (size_t i = 0; i < out.size(); i++) out[i] = load(type, from, int64_t(i));
    return out;
  }
  for (int64_t i = 0, at = 0; i < n; i++)
    for (int64_t j = 0; j < c; j++)
      for (int64_t p = 0; p < h * w; p++) out[size_t((i * h * w + p) * c + j)] = load(type, from, at++);
  return out;
}

/// to = alpha · numbers + beta · to
template <class T>
void write(const T& t, void* to, const std::vector<float>& numbers, float alpha, float beta) {
  const auto [n, c, h, w] = t.d;
  const Type type = type_of(t.type);
  const auto put = [&](int64_t at, float value) {
    store(type, to, at, alpha * value + (beta != 0 ? beta * load(type, to, at) : 0));
  };
  if (t.format == kCudnnNhwc) {
    for (size_t i = 0; i < numbers.size(); i++) put(int64_t(i), numbers[i]);
    return;
  }
  for (int64_t i = 0, at = 0; i < n; i++)
    for (int64_t j = 0; j < c; j++)
      for (int64_t p = 0; p < h * w; p++) put(at++, numbers[size_t((i * h * w + p) * c + j)]);
}

inline float factor(const void* number) { return *static_cast<const float*>(number); }

}  // namespace fake_cudnn
