// The data movement of space to depth (strided.cc): images and filters folded by a stride.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/loops.h"
#include "cpu/winograd/winograd.h"

namespace alexnode::cpu {

/// Folded images lie in aBcd8b.
constexpr int64_t kFoldedBlock = 8;

/// Filters [O, C, kernel, kernel], row-major, and their folded form [O, C·s·s, taps, taps].
struct FilterFolding {
  int64_t filters, channels, kernel, stride, taps;

  int64_t folded_channels() const { return channels * stride * stride; }
  int64_t count() const { return filters * folded_channels() * taps * taps; }
  size_t filter_bytes() const { return align(size_t(count()) * 4); }

  /// f(index in the filters, index in the folded filters)
  template <class F>
  void each(const F& f) const {
    for (int64_t o = 0; o < filters; o++)
      for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < kernel; y++)
          for (int64_t x = 0; x < kernel; x++) {
            const int64_t channel = (c * stride + y % stride) * stride + x % stride;
            f(((o * channels + c) * kernel + y) * kernel + x,
              ((o * folded_channels() + channel) * taps + y / stride) * taps + x / stride);
          }
  }

  /// Zero where there is no element of the filters.
  void fold(void* to, const void* w, bool bf16) const {
    std::memset(to, 0, size_t(count()) * (bf16 ? 2 : 4));
    each([&](int64_t at, int64_t folded) {
      if (bf16)
        static_cast<uint16_t*>(to)[folded] = static_cast<const uint16_t*>(w)[at];
      else
        static_cast<float*>(to)[folded] = static_cast<const float*>(w)[at];
    });
  }
};

struct Folding {
  FilterFolding filters;
  int64_t h, w;  // of x
  int64_t top, left;
  WinogradShape folded;
  bool bf16;  // x and w; else f32

  ImageKind image() const { return {ImageLayout::aBcd8b, bf16}; }
  size_t image_bytes() const {
    return align(size_t(folded.n * folded.c * folded.h * folded.w) * (bf16 ? 2 : 4));
  }
  /// to (aBcd8b) from x (abcd)
  void fold(void* to, const void* x) const {
    const auto as = [&]<class T>(T) {
      const auto run = filters.stride == 2 ? &Folding::fold_by<2, T> : &Folding::fold_by<4, T>;
      (this->*run)(static_cast<T*>(to), static_cast<const T*>(x));
    };
    bf16 ? as(uint16_t{}) : as(float{});
  }

  template <int Stride, class T>
  void fold_by(T* to, const T* x) const {
    const int64_t c = filters.channels, plane = folded.h * folded.w * kFoldedBlock;
    each(folded.n * c * Stride, [&](int64_t i) {
      const int64_t dy = i % Stride, map = i / Stride, channel = (map % c * Stride + dy) * Stride;
      T* out = to + (map / c * folded.c + channel) / kFoldedBlock * plane + channel % kFoldedBlock;
      for (int64_t row = 0; row < folded.h; row++) {
        const int64_t y = row * Stride + dy - top;
        const int64_t from = (map * h + y) * w;  // where y is in the image
        for (int64_t column = 0; column < folded.w; column++, out += kFoldedBlock) {
          const int64_t begin = column * Stride - left;
          if (y >= 0 && y < h && begin >= 0 && begin + Stride <= w) {
            std::memcpy(out, x + from + begin, Stride * sizeof(T));
            continue;
          }
          for (int64_t dx = 0; dx < Stride; dx++) {
            const bool inside = y >= 0 && y < h && begin + dx >= 0 && begin + dx < w;
            out[dx] = inside ? x[from + begin + dx] : T(0);
          }
        }
      }
    });
  }
};

}  // namespace alexnode::cpu
