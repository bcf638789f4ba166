// The kernels of kernels.h, written once on the compiler's vector type and compiled once an instruction set:
// the file that includes this one defines PRODUCT_ISA (the name of the lookup function), PRODUCT_LANES
// (floats in a register), PRODUCT_WIDE and PRODUCT_NARROW (rows of the register block for panels of two
// registers and of one).
//
// Everything is in an unnamed namespace and uses no inline function of the standard library, so that the
// linker cannot pick a copy compiled for a larger instruction set than the machine's.
#pragma once

#include <cstdint>

#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {
namespace {

#define PRODUCT_TEXT(name) #name
#define PRODUCT_NAME(name) PRODUCT_TEXT(name)

constexpr int lanes = PRODUCT_LANES;
using Vec = float __attribute__((vector_size(lanes * sizeof(float))));

struct Unaligned {
  Vec value;
} __attribute__((packed, may_alias));

/// A register's worth of c, all of it or what of it lies inside.
void finish(float* c, const Vec& sum, const Tile& t, int64_t column) {
  Vec value = sum * t.alpha;
  const int64_t count = t.columns - column < lanes ? t.columns - column : lanes;
  if (count == lanes) {
    auto* to = reinterpret_cast<Unaligned*>(c + column);
    if (t.beta != 0) value += to->value * t.beta;
    if (t.bias) value += reinterpret_cast<const Unaligned*>(t.bias + column)->value;
    if (t.relu) value = value < 0 ? Vec{} : value;
    to->value = value;
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    float one = value[i];
    if (t.beta != 0) one += c[column + i] * t.beta;
    if (t.bias) one += t.bias[column + i];
    c[column + i] = t.relu && one < 0 ? 0 : one;
  }
}

template <int Vectors, int Rows>
void block(const Tile& t) {
  Vec sum[Rows][Vectors] = {};
  const float *a = t.a, *b = t.b;
  const int64_t row = t.a_row;
  for (int r = 0; r < Rows; r++) {  // c is wanted at the end, and would be waited for then
    __builtin_prefetch(t.c + r * t.c_row, 1);
    __builtin_prefetch(t.c + r * t.c_row + (Vectors * lanes - 1), 1);
  }
  for (int64_t k = 0; k < t.depth; k++) {
    Vec right[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; v++) right[v] = reinterpret_cast<const Unaligned*>(b + v * lanes)->value;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; v++) sum[r][v] += a[r * row] * right[v];
    a += t.a_step, b += Vectors * lanes;
  }
  // The short ways first: with a small batch a block is soon summed, and its end counts.
  const bool plain = t.columns == Vectors * lanes && t.alpha == 1 && !t.bias && !t.relu;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; v++) {
      auto* to = reinterpret_cast<Unaligned*>(t.c + r * t.c_row + v * lanes);
      const Vec value = sum[r][v];
      if (plain && t.beta == 0)
        to->value = value;
      else if (plain && t.beta == 1)
        to->value += value;
      else
        finish(t.c + r * t.c_row, value, t, v * lanes);
    }
}

template <int Vectors, int Rows>
void run(const Tile& tile, int rows) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return run<Vectors, Rows - 1>(tile, rows);
  }
  block<Vectors, Rows>(tile);
}

using Half = uint16_t __attribute__((vector_size(lanes * sizeof(uint16_t))));
using Bits = uint32_t __attribute__((vector_size(lanes * sizeof(uint32_t))));

struct UnalignedHalf {
  Half value;
} __attribute__((packed, may_alias));

Vec load(const float* from) { return reinterpret_cast<const Unaligned*>(from)->value; }
Vec load(const uint16_t* from) {
  const auto half = reinterpret_cast<const UnalignedHalf*>(from)->value;
  return reinterpret_cast<Vec>(__builtin_convertvector(half, Bits) << 16);
}

float number(float stored) { return stored; }
float number(uint16_t stored) { return __builtin_bit_cast(float, uint32_t(stored) << 16); }

float sum_of(Vec v) {
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  return v[0];
}

/// Of rows from r on and images from n on. Rows end too soon for the machine to foresee the next ones: those
/// `ahead` numbers further are fetched meanwhile, all of them or the first half.
template <int Rows, int Images, class T>
void dots(const Strip<T>& s, int64_t r, int64_t n, int64_t ahead, bool half) {
  constexpr int step = 64 / sizeof(T);  // what one fetch brings
  Vec sum[Rows][Images] = {};
  const T* w[Rows];  // the last again where there are fewer
  const float* x[Images];
  for (int j = 0; j < Rows; j++) w[j] = s.w + (r + j < s.rows ? r + j : s.rows - 1) * s.w_row;
  for (int i = 0; i < Images; i++) x[i] = s.x + (n + i < s.images ? n + i : s.images - 1) * s.x_row;
  int64_t k = 0;
  for (; k + step <= s.depth; k += step) {
#pragma GCC unroll 4
    for (int j = 0; j < Rows; j++)
      if (j < Rows / 2 || !half) __builtin_prefetch(w[j] + (k + ahead), 0, 2);
#pragma GCC unroll 8
    for (int v = 0; v < step; v += lanes) {
      Vec right[Images];
#pragma GCC unroll 4
      for (int i = 0; i < Images; i++) right[i] = load(x[i] + k + v);
#pragma GCC unroll 4
      for (int j = 0; j < Rows; j++) {
        const Vec left = load(w[j] + k + v);
#pragma GCC unroll 4
        for (int i = 0; i < Images; i++) sum[j][i] += left * right[i];
      }
    }
  }
  for (int j = 0; j < Rows && r + j < s.rows; j++)
    for (int i = 0; i < Images && n + i < s.images; i++) {
      float total = sum_of(sum[j][i]);
      for (int64_t at = k; at < s.depth; at++) total += number(w[j][at]) * x[i][at];
      s.sums[(r + j) * s.images + n + i] = total;
    }
}

/// Rows in groups that a cache holds for all images; each pass over a group fetches its share of the next.
template <class T>
void dots(const Strip<T>& s) {
  const int64_t group = s.images == 1 ? 4 : 2;
  for (int64_t r = 0; r < s.rows; r += group) {
    const int64_t ahead = r + group < s.left ? group * s.w_row : 0;
    if (s.images == 1)
      dots<4, 1>(s, r, 0, ahead, false);
    else
      for (int64_t n = 0; n < s.images; n += 4) dots<2, 4>(s, r, n, ahead + (n > 0) * s.w_row, s.images > 4);
  }
}

constexpr Kernels table = {PRODUCT_NAME(PRODUCT_ISA),
                           {lanes, PRODUCT_NARROW, run<1, PRODUCT_NARROW>},
                           {2 * lanes, PRODUCT_WIDE, run<2, PRODUCT_WIDE>},
                           dots<float>,
                           dots<uint16_t>};

}  // namespace

const Kernels* PRODUCT_ISA() { return &table; }

}  // namespace alexnode::cpu::product
