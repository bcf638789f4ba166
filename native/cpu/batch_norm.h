// What the kernels of batch normalisation share: passes over a tensor in any layout that an ImageView
// describes. An image is chunks of [pixels][lanes], the lanes being channels that lie side by side. One pass
// gathers sums of x - shift (shift: the channel's first value, so that nothing cancels), kept in f64 for each
// image and added in order, so that threads do not change the result. A second pass is affine.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu::chunked {

inline constexpr int kLanes = 16, kFlat = 32;
inline constexpr int64_t kRun = 128;  // pixels summed in f32 before f64 takes over

/// sums[0…] += Σ a - shift, sums[stride…] += Σ (a - shift)·(b - shift_b), over one chunk, a lane each.
template <int Lanes, class T>
ALEXNODE_INLINE void add_lanes(const T* a, const T* b, int64_t pixels, int64_t block, const float* shift_a,
                               const float* shift_b, double* sum, double* product) {
  for (int64_t from = 0; from < pixels; from += kRun) {
    float s[Lanes] = {}, q[Lanes] = {};
    const int64_t end = std::min(pixels, from + kRun);
    for (int64_t p = from; p < end; p++)
#pragma GCC ivdep
      for (int l = 0; l < Lanes; l++) {
        const float da = float(a[p * block + l]) - shift_a[l], db = float(b[p * block + l]) - shift_b[l];
        s[l] += da, q[l] += da * db;
      }
    for (int l = 0; l < Lanes; l++) sum[l] += double(s[l]), product[l] += double(q[l]);
  }
}

template <class T>
ALEXNODE_CLONES void add_chunk(const T* a, const T* b, int64_t pixels, int64_t block, const float* shift_a,
                               const float* shift_b, double* sum, double* product) {
  if (kFlat % block == 0) {
    // Few channels: several pixels side by side, so that enough sums are in flight to hide their latency.
    float sa[kFlat], sb[kFlat];
    double s[kFlat] = {}, q[kFlat] = {};
    for (int l = 0; l < kFlat; l++) sa[l] = shift_a[l % block], sb[l] = shift_b[l % block];
    const int64_t whole = pixels * block / kFlat, rest = pixels * block - whole * kFlat;
    add_lanes<kFlat>(a, b, whole, kFlat, sa, sb, s, q);
    a += whole * kFlat, b += whole * kFlat;
    for (int64_t l = 0; l < rest; l++) {
      const float da = float(a[l]) - sa[l], db = float(b[l]) - sb[l];
      s[l] += double(da), q[l] += double(da * db);
    }
    for (int l = 0; l < kFlat; l++) sum[l % block] += s[l], product[l % block] += q[l];
    return;
  }
  int64_t l = 0;
  for (; l + kLanes <= block; l += kLanes)
    add_lanes<kLanes>(a + l, b + l, pixels, block, shift_a + l, shift_b + l, sum + l, product + l);
  for (; l + 8 <= block; l += 8)
    add_lanes<8>(a + l, b + l, pixels, block, shift_a + l, shift_b + l, sum + l, product + l);
  for (; l < block; l++)
    add_lanes<1>(a + l, b + l, pixels, block, shift_a + l, shift_b + l, sum + l, product + l);
}

/// y = x·scale + shift, or no less than 0.
template <class T>
ALEXNODE_CLONES void affine(T* y, const T* x, int64_t pixels, int64_t block, const float* scale,
                            const float* shift, float least) {
  if (block == 1) {
#pragma omp simd
    for (int64_t p = 0; p < pixels; p++) {
      const float v = float(x[p]) * *scale + *shift;
      y[p] = v < least ? least : v;
    }
    return;
  }
  for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
    for (int64_t l = 0; l < block; l++) {
      const float v = float(x[p * block + l]) * scale[l] + shift[l];
      y[p * block + l] = v < least ? least : v;
    }
}

/// dx = dy·of_dy + x·of_x + rest.
template <class T>
ALEXNODE_CLONES void combine(T* dx, const T* dy, const T* x, int64_t pixels, int64_t block,
                             const float* of_dy, const float* of_x, const float* rest) {
  if (block == 1) {
#pragma omp simd
    for (int64_t p = 0; p < pixels; p++) dx[p] = float(dy[p]) * *of_dy + float(x[p]) * *of_x + *rest;
    return;
  }
  for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
    for (int64_t l = 0; l < block; l++)
      dx[p * block + l] = float(dy[p * block + l]) * of_dy[l] + float(x[p * block + l]) * of_x[l] + rest[l];
}

/// A tensor as images × chunks, and the scratch that a kernel over it shares: f64 sums an image, then f32
/// rows a channel.
struct Chunks {
  explicit Chunks(const ImageView& v) : view(v), channels(v.blocks() * v.block) {}
  ImageView view;
  int64_t channels;  // padding included

  size_t scratch(int rows) const { return size_t(view.n * channels * 2) * 8 + size_t(rows * channels) * 4; }
  float* row(void* scratch, int i) const {
    return reinterpret_cast<float*>(static_cast<double*>(scratch) + view.n * channels * 2) + i * channels;
  }
  /// f(offset of the chunk, its first channel, its image)
  template <class F>
  void each_chunk(const F& f) const {
    const int64_t blocks = view.blocks();
    split(
        view.n * blocks,
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i++)
            f(i / blocks * view.image_stride + i % blocks * view.block_stride, i % blocks * view.block,
              i / blocks);
        },
        1, 1);
  }
  /// Σ (a - shift_a), then Σ (a - shift_a)(b - shift_b), over the batch, a channel each, at the start of the
  /// scratch.
  template <class T>
  void gather(const T* a, const T* b, const float* shift_a, const float* shift_b, void* scratch) const {
    auto* sums = static_cast<double*>(scratch);
    std::fill(sums, sums + view.n * channels * 2, 0.);
    each_chunk([&](int64_t at, int64_t c, int64_t n) {
      double* to = sums + n * channels * 2 + c;
      add_chunk(a + at, b + at, view.pixels, view.block, shift_a + c, shift_b + c, to, to + channels);
    });
    // Added image by image, in order.
    for (int64_t n = 1; n < view.n; n++)
      for (int64_t i = 0; i < channels * 2; i++) sums[i] += sums[n * channels * 2 + i];
  }
  /// Σ (x - first), then Σ (x - first)², first being the channel's first value: it is put into `first`.
  template <class T>
  const double* gather_shifted(const T* x, float* first, void* scratch) const {
    std::fill(first, first + channels, 0.f);
    for (int64_t c = 0; c < view.c; c++) first[c] = float(x[view.at(0, c, 0)]);
    gather(x, x, first, first, scratch);
    return static_cast<const double*>(scratch);
  }
  /// Σ dy, then Σ dy·(x - mean). Uses two rows.
  template <class T>
  const double* gather_centred(const T* dy, const T* x, const float* mean, void* scratch) const {
    float *zero = row(scratch, 0), *shift = row(scratch, 1);
    std::fill(zero, zero + 2 * channels, 0.f);
    std::copy_n(mean, view.c, shift);
    gather(dy, x, zero, shift, scratch);
    return static_cast<const double*>(scratch);
  }
};

/// dx of the gradients of scale and shift over `count` elements a channel, whose rows these become: of dy, of
/// x, rest.
struct Slopes {
  const float *scale, *mean, *var;
  float epsilon;
  double count;

  double inverse(int64_t c) const { return 1 / std::sqrt(double(var[c]) + epsilon); }
  void put(int64_t c, double dscale, double dshift, float* const (&rows)[3]) const {
    const double k = scale[c] * inverse(c), slope = inverse(c) * dscale / count;
    rows[2][c] = float(k * (mean[c] * slope - dshift / count));
    rows[1][c] = float(-k * slope);
    rows[0][c] = float(k);
  }
};

template <class T>
void combine_chunks(const Chunks& chunks, T* dx, const T* dy, const T* x, float* const (&rows)[3]) {
  const auto& v = chunks.view;
  for (int64_t c = v.c; c < chunks.channels; c++)
    for (auto* row : rows) row[c] = 0;
  chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
    combine(dx + at, dy + at, x + at, v.pixels, v.block, rows[0] + c, rows[1] + c, rows[2] + c);
  });
}

inline KernelPtr with_view(Specs specs, int like, auto&& make_one) {
  specs.settle_as(like);
  const Chunks chunks(ImageView::of(specs.op, specs.shape(like), specs[like].layout));
  return with_float(specs[like].dtype, [&]<class T>(T t) { return make_one(std::move(specs), chunks, t); });
}

}  // namespace alexnode::cpu::chunked
