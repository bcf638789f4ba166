// Tiles of images to planes of transformed values, and back.
#pragma once

#include <cstdint>

#include "cpu/winograd/isa/pixels.h"
#include "cpu/winograd/isa/transforms.h"

namespace alexnode::cpu::winograd {
namespace {

// planes[t][q] = T pixels T^T for tiles of From x From pixels, T = matrix[Size, From]. sums, where given, has
// the sum of each channel's pixels added to it.
template <class Matrix, int Size, int From, int Step, bool Sum>
WINOGRAD_INLINE void tiles_in(Planes planes, float* sums, const Image& image, const Tiling& tiling,
                              Range tiles, int64_t first, Range octets, int64_t octet0) {
  for (int64_t t = tiles.begin; t < tiles.end; ++t) {
    const Place at = place(tiling, t, Step);
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec staged[From * From], half[Size * From];
      const Source source = gather<From>(staged, image, at.n, octet0 + q, at);
      Vec sum{};
#pragma GCC unroll 1
      for (int j = 0; j < From; ++j) {
        Vec x[From], y[Size];
#pragma GCC unroll 8
        for (int i = 0; i < From; ++i) x[i] = load(source.data + i * source.row + j * source.pixel);
        if constexpr (Sum) {
#pragma GCC unroll 8
          for (int i = 0; i < From; ++i) sum += x[i];
        }
        expand<Matrix, Size, From>(y, x);
#pragma GCC unroll 8
        for (int i = 0; i < Size; ++i) half[i * From + j] = y[i];
      }
      if constexpr (Sum) store(sums + q * octet, load(sums + q * octet) + sum);
      float* to = planes.at(t - first, q);
#pragma GCC unroll 1
      for (int i = 0; i < Size; ++i) {
        Vec y[Size];
        expand<Matrix, Size, From>(y, half + i * From);
#pragma GCC unroll 8
        for (int j = 0; j < Size; ++j) store(to + (i * Size + j) * planes.plane, y[j]);
      }
    }
  }
}

template <int M, int R>
void input(Planes v, const Image& x, const Tiling& tiling, Range tiles, int64_t first, Range octets,
           int64_t octet0) {
  constexpr int size = M + R - 1;
  tiles_in<B<M, R>, size, size, M, false>(v, nullptr, x, tiling, tiles, first, octets, octet0);
}

template <int M, int R>
void gradient(Planes w, float* sums, const Image& dy, const Tiling& tiling, Range tiles, int64_t first,
              Range octets, int64_t octet0) {
  tiles_in<A<M, R>, M + R - 1, M, M, true>(w, sums, dy, tiling, tiles, first, octets, octet0);
}

template <int M, int R>
void output(const Image& image, Planes planes, const Tiling& tiling, Range tiles, int64_t first, Range octets,
            int64_t octet0, const float* bias, bool relu) {
  constexpr int size = M + R - 1;
  for (int64_t t = tiles.begin; t < tiles.end; ++t) {
    const Place at = place(tiling, t, M);
    const int64_t height = image.height - at.y < M ? image.height - at.y : M;
    const int64_t width = image.width - at.x < M ? image.width - at.x : M;
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec half[M * size];
      const float* from = planes.at(t - first, q);
#pragma GCC unroll 1
      for (int j = 0; j < size; ++j) {
        Vec x[size], y[M];
#pragma GCC unroll 8
        for (int i = 0; i < size; ++i) x[i] = load(from + (i * size + j) * planes.plane);
        contract<A<M, R>, size, M>(y, x);
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) half[i * size + j] = y[i];
      }
      const Vec shift = bias ? load(bias + (octet0 + q) * octet) : Vec{};
      const Vec floor = relu ? Vec{} : Vec{} - __builtin_inff();
      const int64_t start = image.at(at.n, octet0 + q, at.y, at.x);
      for (int i = 0; i < height; ++i) {
        Vec y[M];
        contract<A<M, R>, size, M>(y, half + i * size);
#pragma GCC unroll 8
        for (int j = 0; j < M; ++j) {
          if (j >= width) break;
          Vec value = y[j] + shift;
          value = value < floor ? floor : value;  // lets NaN through
          write(image, start + i * image.row + j * image.pixel, value);
        }
      }
    }
  }
}

}  // namespace
}  // namespace alexnode::cpu::winograd
