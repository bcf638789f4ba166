// Dropout, random fills, and the step of the random state. What is drawn for an element depends on its place
// in the whole net's tensor, never on its place in memory or on the thread that draws it.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/philox.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

template <class T>
ALEXNODE_CLONES void keep(T* y, const T* x, const uint32_t* words, int64_t n, float rate, float scale) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float kept = scale * x[i];
    y[i] = to_uniform(words[i]) >= rate ? kept : 0.f;
  }
}

template <class T>
void keep_strided(T* y, const T* x, int64_t stride, const uint32_t* words, int64_t n, float rate,
                  float scale) {
  for (int64_t i = 0; i < n; i++) y[i * stride] = to_uniform(words[i]) >= rate ? scale * x[i * stride] : 0.f;
}

PhiloxKey key_of(const uint32_t* rng, int64_t purpose) { return {rng[0], rng[1], rng[2], uint32_t(purpose)}; }

/// y = x dropped out, slots 0 and 1, with rng in slot 2.
KernelPtr make_dropout(const DropoutFields& f, Specs specs) {
  specs.settle_as(1);
  specs.same_layout({0, 1});
  return with_float(specs[1].dtype, [&]<class T>(T) {
    const auto v = ImageView::of(specs.op, specs.shape(1), specs[1].layout);
    const bool in_order = specs[1].layout == dense_layout(specs.shape(1).size());
    const int64_t channels = f.channels ? f.channels : v.c;
    const auto run = [=](const Args& a) {
      auto* y = a.at<T>(0);
      const auto* x = a.at<const T>(1);
      const auto* rng = a.at<const uint32_t>(2);
      const auto key = key_of(rng, f.purpose);
      const auto first_of = [=](int64_t n, int64_t c) {  // place of (n, c, 0) in the whole tensor
        return ((rng[3] + uint64_t(n)) * uint64_t(channels) + uint64_t(f.channel_offset + c)) *
               uint64_t(v.pixels);
      };
      if (in_order) {  // an image is one run of numbers
        split(
            v.n * v.image_stride,
            [=](int64_t begin, int64_t end) {
              uint32_t words[kDraw];
              for (int64_t i = begin, run; i < end; i += run) {
                const int64_t n = i / v.image_stride, within = i % v.image_stride;
                run = std::min({kDraw, end - i, v.image_stride - within});
                draw_words(words, run, key, first_of(n, 0) + uint64_t(within));
                keep(y + i, x + i, words, run, f.rate, f.scale);
              }
            },
            8192, kDraw);
        return;
      }
      each(v.n * v.blocks(), [=](int64_t item) {
        const int64_t n = item / v.blocks(), c0 = item % v.blocks() * v.block;
        uint32_t words[kDraw];
        for (int64_t p = 0; p < v.pixels; p += kDraw) {
          const int64_t run = std::min(kDraw, v.pixels - p);
          for (int64_t c = c0; c < c0 + v.block; c++) {
            const int64_t at = v.at(n, c, p);
            if (c < v.c) draw_words(words, run, key, first_of(n, c) + uint64_t(p));
            keep_strided(y + at, x + at, v.pixel_stride, words, run, c < v.c ? f.rate : 2.f, f.scale);
          }
        }
      });
    };
    return make_kernel(std::move(specs), in_order ? "simd" : "strided", run);
  });
}

/// draw(out, n, key, first) for every element of y, slot 0, with rng in slot 1.
template <class F>
KernelPtr make_fill(Specs specs, int64_t purpose, F draw) {
  specs.settle_as(0);
  if (specs[0].layout != dense_layout(specs.shape(0).size()))
    specs.fail("y: expected a row-major layout, got '", specs[0].layout, "'; fill first and reorder then");
  return with_float(specs[0].dtype, [&]<class T>(T) {
    const int64_t count = elements(specs.shape(0));
    return make_kernel(std::move(specs), "simd", [=](const Args& a) {
      split(
          count,
          [=, y = a.at<T>(0), key = key_of(a.at<const uint32_t>(1), purpose)](int64_t begin, int64_t end) {
            float numbers[kDraw];
            for (int64_t i = begin; i < end; i += kDraw) {
              const int64_t n = std::min(kDraw, end - i);
              draw(numbers, n, key, uint64_t(i));
              for (int64_t j = 0; j < n; j++) y[i + j] = numbers[j];
            }
          },
          4096, kDraw);
    });
  });
}

}  // namespace

KernelPtr make(const Dropout& f, Specs specs) { return make_dropout(f, std::move(specs)); }
KernelPtr make(const DropoutBackward& f, Specs specs) { return make_dropout(f, std::move(specs)); }

KernelPtr make(const FillUniform& f, Specs specs) {
  return make_fill(std::move(specs), f.purpose,
                   [low = f.low, high = f.high](float* y, int64_t n, const PhiloxKey& key, uint64_t first) {
                     draw_uniform(y, n, key, first, low, high);
                   });
}

KernelPtr make(const FillNormal& f, Specs specs) {
  return make_fill(std::move(specs), f.purpose,
                   [mean = f.mean, std = f.std](float* y, int64_t n, const PhiloxKey& key, uint64_t first) {
                     draw_normal(y, n, key, first, mean, std);
                   });
}

KernelPtr make(const Advance& f, Specs specs) {
  specs.settle_as(Advance::Rng);
  return make_kernel(std::move(specs), "one",
                     [by = uint32_t(f.by)](const Args& a) { a.at<uint32_t>(Advance::Rng)[2] += by; });
}

}  // namespace alexnode::cpu
