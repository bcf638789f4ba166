// The kernels of kernels.h, written once on the compiler's vector type and compiled once an instruction set:
// the file that includes this one defines PRODUCT_ISA (the name of the lookup function), PRODUCT_LANES
// (floats in a register), PRODUCT_WIDE and PRODUCT_NARROW (rows of the register block for panels of two
// registers and of one).
//
// Everything is in an unnamed namespace and uses no inline function of the standard library, so that the
// linker cannot pick a copy compiled for a larger instruction set than the machine's.
#pragma once

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

template <int Rows>
void dots(float* c, const float* a, int64_t row, const float* b, int64_t depth) {
  Vec sum[Rows][2] = {};
  int64_t k = 0;
  for (; k + 2 * lanes <= depth; k += 2 * lanes)
#pragma GCC unroll 4
    for (int r = 0; r < Rows; r++)
#pragma GCC unroll 2
      for (int v = 0; v < 2; v++)
        sum[r][v] += reinterpret_cast<const Unaligned*>(a + r * row + k + v * lanes)->value *
                     reinterpret_cast<const Unaligned*>(b + k + v * lanes)->value;
  for (int r = 0; r < Rows; r++) {
    const Vec both = sum[r][0] + sum[r][1];
    float total = 0;
    for (int i = 0; i < lanes; i++) total += both[i];
    for (int64_t i = k; i < depth; i++) total += a[r * row + i] * b[i];
    c[r] = total;
  }
}

void dot(float* c, const float* a, int64_t row, const float* b, int64_t depth, int64_t rows) {
  for (; rows >= 4; rows -= 4, c += 4, a += 4 * row) dots<4>(c, a, row, b, depth);
  for (; rows > 0; rows--, c++, a += row) dots<1>(c, a, row, b, depth);
}

constexpr Kernels kernels = {PRODUCT_NAME(PRODUCT_ISA),
                             {lanes, PRODUCT_NARROW, run<1, PRODUCT_NARROW>},
                             {2 * lanes, PRODUCT_WIDE, run<2, PRODUCT_WIDE>},
                             dot};

}  // namespace

const Kernels* PRODUCT_ISA() { return &kernels; }

}  // namespace alexnode::cpu::product
