// From bytes to a net's input: normalise, and resize bilinearly. Their time is small beside the net's, so one
// loop serves any two layouts: the innermost loop runs along a row of one channel, with the layouts' strides.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

/// f(X{}) with the element type of an input: f32, bf16 or u8.
template <class F>
KernelPtr with_input(DType dtype, const F& f) {
  return dtype == DType::u8 ? f(uint8_t{}) : with_float(dtype, f);
}

/// One channel of a row of pixels, `ys` and `xs` being the strides. They are constants where pixels lie side
/// by side, or with their three channels, so that these loops are vectorised.
template <class Y, class X>
ALEXNODE_INLINE void normalize_strided(Y* y, int64_t ys, const X* x, int64_t xs, int64_t n, float mean,
                                       float scale) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i * ys] = (float(x[i * xs]) - mean) * scale;
}

template <class Y, class X>
ALEXNODE_CLONES void normalize_row(Y* y, int64_t ys, const X* x, int64_t xs, int64_t n, float mean,
                                   float scale) {
  if (ys == 1 && xs == 1)
    normalize_strided(y, 1, x, 1, n, mean, scale);
  else if (ys == 1 && xs == 3)
    normalize_strided(y, 1, x, 3, n, mean, scale);
  else
    normalize_strided(y, ys, x, xs, n, mean, scale);
}

/// Channels side by side in x and y: their means and scales, repeated up to kPeriod numbers, go along.
constexpr int64_t kPeriod = 240;  // a multiple of 1 to 6, and of 8
template <class Y, class X>
ALEXNODE_CLONES void normalize_pixels(Y* y, const X* x, int64_t n, const float* mean, const float* scale) {
  for (int64_t from = 0; from < n; from += kPeriod) {
    const int64_t count = std::min(kPeriod, n - from);
#pragma omp simd
    for (int64_t i = 0; i < count; i++) y[from + i] = (float(x[from + i]) - mean[i]) * scale[i];
  }
}

/// Where along an axis an output lies between two inputs.
struct Tap {
  int32_t from, to;
  float weight;  // of `to`
};

std::vector<Tap> taps(int64_t in, int64_t out) {
  std::vector<Tap> list;
  for (int64_t i = 0; i < out; i++) {
    const double at = std::clamp((double(i) + .5) * double(in) / double(out) - .5, 0., double(in - 1));
    const auto from = int32_t(at);
    list.push_back({from, int32_t(std::min<int64_t>(from + 1, in - 1)), float(at - from)});
  }
  return list;
}

template <class X>
ALEXNODE_CLONES void blend_rows(float* out, const X* top, const X* bottom, int64_t stride, int64_t n,
                                float weight) {
  if (stride == 1) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) out[i] = float(top[i]) + (float(bottom[i]) - float(top[i])) * weight;
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const float a = float(top[i * stride]), b = float(bottom[i * stride]);
    out[i] = a + (b - a) * weight;
  }
}

template <class Y>
ALEXNODE_CLONES void stretch_row(Y* y, int64_t stride, const float* row, const Tap* taps, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const float a = row[taps[i].from], b = row[taps[i].to];
    y[i * stride] = a + (b - a) * taps[i].weight;
  }
}

}  // namespace

KernelPtr make(const Normalize&, Specs specs) {
  using Op = Normalize;
  specs.settle_as(Op::X);
  const auto xv = ImageView::of(specs.op, specs.shape(Op::X), specs[Op::X].layout);
  const auto yv = ImageView::of(specs.op, specs.shape(Op::Y), specs[Op::Y].layout);
  return with_float(specs[Op::Y].dtype, [&]<class Y>(Y) {
    return with_input(specs[Op::X].dtype, [&]<class X>(X) {
      const bool pixels = yv.block == yv.c && xv.block == xv.c && kPeriod % yv.c == 0;
      return make_kernel(std::move(specs), pixels ? "pixels" : "rows", [=](const Args& a) {
        auto* y = a.at<Y>(Op::Y);
        if (pixels) {
          float mean[kPeriod], scale[kPeriod];
          for (int64_t i = 0; i < kPeriod; i++) {
            mean[i] = a.at<const float>(Op::Mean)[i % yv.c];
            scale[i] = a.at<const float>(Op::Factor)[i % yv.c];
          }
          split(
              yv.n * yv.image_stride,
              [&, x = a.at<const X>(Op::X)](int64_t begin, int64_t end) {
                normalize_pixels(y + begin, x + begin, end - begin, mean, scale);
              },
              16384, kPeriod);
          return;
        }
        each(yv.n, [&](int64_t n) {
          for (int64_t c = 0; c < yv.c; c++)
            normalize_row(y + yv.at(n, c, 0), yv.pixel_stride, a.at<const X>(Op::X) + xv.at(n, c, 0),
                          xv.pixel_stride, yv.pixels, a.at<const float>(Op::Mean)[c],
                          a.at<const float>(Op::Factor)[c]);
          clear_padding(y, yv, n);
        });
      });
    });
  });
}

KernelPtr make(const Resize& f, Specs specs) {
  using Op = Resize;
  specs.settle_as(Op::X);
  const auto xv = ImageView::of(specs.op, specs.shape(Op::X), specs[Op::X].layout);
  const auto yv = ImageView::of(specs.op, specs.shape(Op::Y), specs[Op::Y].layout);
  const int64_t top = f.padding[0], left = f.padding[2];
  const auto rows = taps(xv.h, yv.h - top - f.padding[1]), columns = taps(xv.w, yv.w - left - f.padding[3]);
  const auto pieces = workers();
  const int64_t line = (xv.w + 15) / 16 * 16;
  return with_float(specs[Op::Y].dtype, [&]<class Y>(Y) {
    return with_input(specs[Op::X].dtype, [&]<class X>(X) {
      const auto run = [=](const Args& a) {
        each_worker(pieces, yv.n * yv.c, [&](int64_t worker, int64_t begin, int64_t end) {
          float* row = static_cast<float*>(a.scratch) + worker * line;
          for (int64_t i = begin; i < end; i++) {
            const int64_t n = i / yv.c, c = i % yv.c;
            Y* y = a.at<Y>(Op::Y) + yv.at(n, c, 0);
            const X* x = a.at<const X>(Op::X) + xv.at(n, c, 0);
            const auto border = [&](int64_t pixel, int64_t count) {
              for (int64_t p = pixel; p < pixel + count; p++) y[p * yv.pixel_stride] = f.value;
            };
            border(0, top * yv.w);
            for (size_t r = 0; r < rows.size(); r++) {
              const int64_t at = (top + int64_t(r)) * yv.w, last = left + int64_t(columns.size());
              blend_rows(row, x + rows[r].from * xv.w * xv.pixel_stride,
                         x + rows[r].to * xv.w * xv.pixel_stride, xv.pixel_stride, xv.w, rows[r].weight);
              border(at, left);
              stretch_row(y + (at + left) * yv.pixel_stride, yv.pixel_stride, row, columns.data(),
                          int64_t(columns.size()));
              border(at + last, yv.w - last);
            }
            border((top + int64_t(rows.size())) * yv.w, f.padding[1] * yv.w);
            if (c == yv.c - 1) clear_padding(a.at<Y>(Op::Y), yv, n);
          }
        });
      };
      return make_kernel(std::move(specs), "plain", run, size_t(pieces * line) * 4);
    });
  });
}

}  // namespace alexnode::cpu
