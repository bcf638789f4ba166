// For few rows: sums that run along the rows of both operands.
#pragma once

#include <cstdint>

#include "cpu/product/isa/vectors.h"

namespace alexnode::cpu::product {
namespace {

/// For rows from r on and images from n on. Rows are too short for hardware prefetching, so the rows `ahead`
/// numbers further are prefetched: all of them, or the first half.
template <int Rows, int Images, class T>
void dots(const Strip<T>& s, int64_t r, int64_t n, int64_t ahead, bool half) {
  constexpr int step = 64 / sizeof(T);  // numbers of one cache line
  Vec sum[Rows][Images] = {};
  const T* w[Rows];  // the last one repeated if there are fewer
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

}  // namespace
}  // namespace alexnode::cpu::product
