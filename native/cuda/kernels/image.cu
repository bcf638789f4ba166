// From bytes to a net's input: normalize, resize.
#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/image.h"

namespace alexnode::cuda {

constexpr int kSome = 4;  // channels, or elements, per thread

/// Channels side by side in x and y, so that both are one row of elements.
template <class T, class X>
ALEXNODE_DEVICE void normalize_flat(const NormalizeParams& p) {
  const auto* x = static_cast<const X*>(p.x);
  auto* y = static_cast<T*>(p.y);
  const bool whole = aligned(x, kSome * int(sizeof(X))) && aligned(y, kSome * int(sizeof(T)));
  for (i64 i = first_index() * kSome; i < p.count; i += index_step() * kSome) {
    i64 pixel = i, channel = take(pixel, p.to.c);
    const auto step = [&](float from) {
      const float to = (from - p.mean[channel]) * p.scale[channel];
      if (++channel == p.to.c) channel = 0;
      return to;
    };
    if (i + kSome <= p.count) {
      const auto from = load<kSome>(x + i, whole);
      Lanes<T, kSome> to;
#pragma unroll
      for (int l = 0; l < kSome; l++) to.lane[l] = step(from.lane[l]);
      store(y + i, to, whole);
    } else {
      for (i64 l = i; l < p.count; l++) y[l] = step(x[l]);
    }
  }
}

/// Any layout to any other; the channels that pad a block become zero.
template <class T, class X, int N>
ALEXNODE_DEVICE void normalize(const NormalizeParams& p) {
  const auto* x = static_cast<const X*>(p.x);
  auto* y = static_cast<T*>(p.y);
  const bool whole = aligned(y, N * int(sizeof(T)));
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const Chunk chunk = chunk_at<N>(p.to, i);
    Lanes<T, N> lanes;
#pragma unroll
    for (int l = 0; l < N; l++) {
      const i64 c = chunk.channel + l;
      lanes.lane[l] =
          c < p.to.c ? (float(x[place(p.from, chunk.image, c, chunk.pixel)]) - p.mean[c]) * p.scale[c] : 0.f;
    }
    store(y + i * N, lanes, whole);
  }
}

/// Where along an axis output i lies between two inputs.
struct Tap {
  i64 from, to;
  float weight;  // of `to`
};
/// (i + ½)·in / out - ½ and what is left of it, in whole numbers, which nothing rounds; edges are clamped.
ALEXNODE_DEVICE Tap tap(i64 i, i64 in, i64 out) {
  const i64 part = 2 * out, at = max((2 * i + 1) * in - out, 0ll);
  i64 from = at;
  const i64 rest = take(from, part);
  if (from >= in - 1) return {in - 1, in - 1, 0};
  return {from, from + 1, float(rest) / float(part)};
}

template <class T, class X>
ALEXNODE_DEVICE void resize(const ResizeParams& p) {
  const auto* x = static_cast<const X*>(p.x);
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const Chunk c = chunk_at<1>(p.to, i);
    i64 row = c.pixel;
    const i64 column = take(row, p.to.w) - p.left;
    row -= p.top;
    float y = 0;
    if (c.channel < p.to.c) {
      y = p.value;
      if (row >= 0 && row < p.height && column >= 0 && column < p.width) {
        const Tap down = tap(row, p.from.h, p.height), across = tap(column, p.from.w, p.width);
        const i64 at = place(p.from, c.image, c.channel, 0);
        const auto blend = [&](i64 column) {
          const float a = x[at + (down.from * p.from.w + column) * p.from.pixel_stride],
                      b = x[at + (down.to * p.from.w + column) * p.from.pixel_stride];
          return a + (b - a) * down.weight;
        };
        const float a = blend(across.from), b = blend(across.to);
        y = a + (b - a) * across.weight;
      }
    }
    static_cast<T*>(p.y)[i] = y;
  }
}

#define NORMALIZE(name, T, X)                                                            \
  ALEXNODE_KERNEL(normalize_flat_##name, NormalizeParams) { normalize_flat<T, X>(p); }   \
  ALEXNODE_KERNEL(normalize_some_##name, NormalizeParams) { normalize<T, X, kSome>(p); } \
  ALEXNODE_KERNEL(normalize_one_##name, NormalizeParams) { normalize<T, X, 1>(p); }
#define RESIZE(name, T, X) \
  ALEXNODE_KERNEL(resize_##name, ResizeParams) { resize<T, X>(p); }
#define TO_EACH(name, T)        \
  NORMALIZE(name##_f32, T, f32) \
  NORMALIZE(name##_u8, T, u8)   \
  RESIZE(name##_f32, T, f32) RESIZE(name##_bf16, T, bf16) RESIZE(name##_f16, T, f16) RESIZE(name##_u8, T, u8)
ALEXNODE_FLOATS(TO_EACH)

}  // namespace alexnode::cuda
