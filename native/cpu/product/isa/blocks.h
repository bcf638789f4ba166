// Blocks of c held in registers, summed over a panel of b.
#pragma once

#include <cstdint>

#include "cpu/product/isa/vectors.h"

namespace alexnode::cpu::product {
namespace {

/// Writes one register of c, or the part of it that lies inside c.
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
  for (int r = 0; r < Rows; r++) {  // c is needed at the end
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
  // The short paths first: with a small batch the sum is short, and its end matters.
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

}  // namespace
}  // namespace alexnode::cpu::product
