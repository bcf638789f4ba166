// Batch normalisation in any layout that an ImageView describes: an image is chunks of [pixels][lanes], the
// lanes being channels that lie side by side. One pass gathers sums of x - shift (shift: the channel's first
// value, so that nothing cancels), kept in f64 for each image and added in order, so that threads do not
// change the result. A second pass is affine.
#include <cmath>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

constexpr int kLanes = 16, kFlat = 32;
constexpr int64_t kRun = 128;  // pixels summed in f32 before f64 takes over

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
};

KernelPtr with_view(Specs specs, int like, auto&& make_one) {
  specs.settle_as(like);
  const Chunks chunks(ImageView::of(specs.op, specs.shape(like), specs[like].layout));
  return with_float(specs[like].dtype, [&]<class T>(T t) { return make_one(std::move(specs), chunks, t); });
}

}  // namespace

KernelPtr make(const BatchNorm& f, Specs specs) {
  using Op = BatchNorm;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::Y, Op::X});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      auto *scale = chunks.row(a.scratch, 0), *shift = chunks.row(a.scratch, 1);
      const T* x = a.at<const T>(Op::X);
      std::fill(shift, shift + chunks.channels, 0.f);
      for (int64_t c = 0; c < v.c; c++) shift[c] = float(x[v.at(0, c, 0)]);
      chunks.gather(x, x, shift, shift, a.scratch);
      const auto* sums = static_cast<const double*>(a.scratch);
      const double count = double(v.n * v.pixels);
      for (int64_t c = 0; c < chunks.channels; c++) {
        if (c >= v.c) {
          scale[c] = shift[c] = 0;
          continue;
        }
        const double mean = sums[c] / count;
        const double around = sums[chunks.channels + c] / count - mean * mean, var = around < 0 ? 0 : around;
        a.at<float>(Op::Mean)[c] = float(shift[c] + mean);
        a.at<float>(Op::Var)[c] = float(var);
        const double inverse = a.at<const float>(Op::Gamma)[c] / std::sqrt(var + f.epsilon);
        scale[c] = float(inverse);
        shift[c] = float(a.at<const float>(Op::Beta)[c] - (shift[c] + mean) * inverse);
      }
      T* y = a.at<T>(Op::Y);
      chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
        affine(y + at, x + at, v.pixels, v.block, scale + c, shift + c, f.relu ? 0.f : -INFINITY);
      });
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(2));
  });
}

KernelPtr make(const BatchNormBackward& f, Specs specs) {
  using Op = BatchNormBackward;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::DX, Op::X, Op::DY});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      float* rows[] = {chunks.row(a.scratch, 0), chunks.row(a.scratch, 1), chunks.row(a.scratch, 2)};
      std::fill(rows[0], rows[0] + 2 * chunks.channels, 0.f);
      std::copy_n(a.at<const float>(Op::Mean), v.c, rows[1]);
      const T *x = a.at<const T>(Op::X), *dy = a.at<const T>(Op::DY);
      chunks.gather(dy, x, rows[0], rows[1], a.scratch);
      const auto* sums = static_cast<const double*>(a.scratch);
      const double count = double(v.n * v.pixels);
      for (int64_t c = 0; c < chunks.channels; c++) {
        if (c >= v.c) {
          for (auto* row : rows) row[c] = 0;
          continue;
        }
        const double inverse = 1 / std::sqrt(double(a.at<const float>(Op::Var)[c]) + f.epsilon);
        const double dshift = sums[c], dscale = sums[chunks.channels + c] * inverse;
        a.at<float>(Op::DBeta)[c] = float(dshift);
        a.at<float>(Op::DGamma)[c] = float(dscale);
        const double k = a.at<const float>(Op::Gamma)[c] * inverse, slope = inverse * dscale / count;
        rows[2][c] = float(k * (a.at<const float>(Op::Mean)[c] * slope - dshift / count));
        rows[1][c] = float(-k * slope);
        rows[0][c] = float(k);
      }
      T* dx = a.at<T>(Op::DX);
      chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
        combine(dx + at, dy + at, x + at, v.pixels, v.block, rows[0] + c, rows[1] + c, rows[2] + c);
      });
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(3));
  });
}

KernelPtr make(const BatchNormInference& f, Specs specs) {
  using Op = BatchNormInference;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::Y, Op::X});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      auto *scale = static_cast<float*>(a.scratch), *shift = scale + chunks.channels;
      std::fill(scale, scale + 2 * chunks.channels, 0.f);
      for (int64_t c = 0; c < v.c; c++) {
        const double k =
            a.at<const float>(Op::Gamma)[c] / std::sqrt(double(a.at<const float>(Op::Var)[c]) + f.epsilon);
        scale[c] = float(k);
        shift[c] = float(a.at<const float>(Op::Beta)[c] - a.at<const float>(Op::Mean)[c] * k);
      }
      const T* x = a.at<const T>(Op::X);
      T* y = a.at<T>(Op::Y);
      chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
        affine(y + at, x + at, v.pixels, v.block, scale + c, shift + c, f.relu ? 0.f : -INFINITY);
      });
    };
    return make_kernel(std::move(specs), "simd", run, size_t(2 * chunks.channels) * 4);
  });
}

KernelPtr make(const BatchNormUpdate& f, Specs specs) {
  using Op = BatchNormUpdate;
  specs.settle_as(Op::RunningMean);
  const int64_t channels = specs.shape(Op::Mean)[0];
  const bool guarded = specs.has(Op::Ok);
  return make_kernel(std::move(specs), "plain", [f, channels, guarded](const Args& a) {
    if (guarded && !*a.at<const int32_t>(Op::Ok)) return;
    auto *mean = a.at<float>(Op::RunningMean), *var = a.at<float>(Op::RunningVar);
    const float unbiased = f.count > 1 ? float(f.count) / float(f.count - 1) : 1;
    for (int64_t c = 0; c < channels; c++) {
      mean[c] += f.momentum * (a.at<const float>(Op::Mean)[c] - mean[c]);
      var[c] += f.momentum * (a.at<const float>(Op::Var)[c] * unbiased - var[c]);
    }
  });
}

}  // namespace alexnode::cpu
