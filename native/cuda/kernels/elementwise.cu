// Elementwise ops, in memory order: padding in blocked layouts is zero and stays so. They are bound by
// memory, so a thread takes 16 bytes at a time. NaN stays NaN.
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/lanes.cuh"

namespace alexnode::cuda {

template <class T, class F>
ALEXNODE_DEVICE void map(const MapParams& p, F f) {
  using Pack = Lanes<T, kLanes<T>>;
  auto* y = static_cast<T*>(p.y);
  const auto* a = static_cast<const T*>(p.a);
  const i64 packs = aligned(y, 16) && aligned(a, 16) ? p.count / kLanes<T> : 0;
  for (i64 i = first_index(); i < packs; i += index_step()) {
    Pack pack = reinterpret_cast<const Pack*>(a)[i];
    for (auto& x : pack.lane) x = f(float(x));
    put(y + i * kLanes<T>, pack);
  }
  for (i64 i = packs * kLanes<T> + first_index(); i < p.count; i += index_step()) y[i] = f(float(a[i]));
}

template <class T, class F>
ALEXNODE_DEVICE void map2(const MapParams& p, F f) {
  using Pack = Lanes<T, kLanes<T>>;
  auto* y = static_cast<T*>(p.y);
  const auto *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  const i64 packs = aligned(y, 16) && aligned(a, 16) && aligned(b, 16) ? p.count / kLanes<T> : 0;
  for (i64 i = first_index(); i < packs; i += index_step()) {
    Pack pack = reinterpret_cast<const Pack*>(a)[i];
    const Pack other = reinterpret_cast<const Pack*>(b)[i];
    for (int l = 0; l < kLanes<T>; l++) pack.lane[l] = f(float(pack.lane[l]), float(other.lane[l]));
    put(y + i * kLanes<T>, pack);
  }
  for (i64 i = packs * kLanes<T> + first_index(); i < p.count; i += index_step())
    y[i] = f(float(a[i]), float(b[i]));
}

ALEXNODE_DEVICE float sigmoid_of(float x) { return 1.f / (1.f + expf(-x)); }

template <class T>
ALEXNODE_DEVICE void padded_sigmoid(const PaddedMapParams& p) {
  const auto& v = p.image;
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const i64 channel = i % v.image_stride / v.block_stride * v.block + i % v.block;
    const float x = static_cast<const T*>(p.x)[i];
    static_cast<T*>(p.y)[i] = channel < v.c ? sigmoid_of(x) : 0.f;
  }
}

#define KERNELS(suffix, T)                                                            \
  ALEXNODE_KERNEL(relu_##suffix, MapParams) {                                         \
    map<T>(p, [](float x) { return x < 0 ? 0.f : x; });                               \
  }                                                                                   \
  ALEXNODE_KERNEL(leaky_relu_##suffix, MapParams) {                                   \
    map<T>(p, [s = p.factor](float x) { return x < 0 ? s * x : x; });                 \
  }                                                                                   \
  ALEXNODE_KERNEL(tanh_##suffix, MapParams) {                                         \
    map<T>(p, [](float x) { return tanhf(x); });                                      \
  }                                                                                   \
  ALEXNODE_KERNEL(sigmoid_##suffix, MapParams) {                                      \
    map<T>(p, [](float x) { return sigmoid_of(x); });                                 \
  }                                                                                   \
  ALEXNODE_KERNEL(padded_sigmoid_##suffix, PaddedMapParams) { padded_sigmoid<T>(p); } \
  ALEXNODE_KERNEL(scale_##suffix, MapParams) {                                        \
    map<T>(p, [factor = p.factor](float x) { return factor * x; });                   \
  }                                                                                   \
  ALEXNODE_KERNEL(relu_backward_##suffix, MapParams) {                                \
    map2<T>(p, [](float y, float dy) { return y <= 0 ? 0.f : dy; });                  \
  }                                                                                   \
  ALEXNODE_KERNEL(leaky_relu_backward_##suffix, MapParams) {                          \
    map2<T>(p, [s = p.factor](float y, float dy) { return y > 0 ? dy : s * dy; });    \
  }                                                                                   \
  ALEXNODE_KERNEL(tanh_backward_##suffix, MapParams) {                                \
    map2<T>(p, [](float y, float dy) { return dy * (1.f - y * y); });                 \
  }                                                                                   \
  ALEXNODE_KERNEL(sigmoid_backward_##suffix, MapParams) {                             \
    map2<T>(p, [](float y, float dy) { return dy * (y * (1.f - y)); });               \
  }                                                                                   \
  ALEXNODE_KERNEL(add_##suffix, MapParams) {                                          \
    map2<T>(p, [](float a, float b) { return a + b; });                               \
  }                                                                                   \
  ALEXNODE_KERNEL(add_relu_##suffix, MapParams) {                                     \
    map2<T>(p, [](float a, float b) { return a + b < 0 ? 0.f : a + b; });             \
  }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
