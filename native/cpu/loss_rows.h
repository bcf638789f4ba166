// What the losses share: rows of [N, C], the counts of a row, and the statistics over all rows.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "cpu/loops.h"
#include "cpu/simd/simd.h"
#include "op.h"

namespace alexnode::cpu {

/// The number of logits that rank before the label's: larger ones, and equal ones of smaller classes.
template <class T>
ALEXNODE_CLONES int64_t before(const T* x, int64_t n, int64_t label) {
  const float own = x[label];
  int32_t count = 0;
#pragma omp simd reduction(+ : count)
  for (int64_t i = 0; i < label; i++) count += x[i] >= own;
#pragma omp simd reduction(+ : count)
  for (int64_t i = label + 1; i < n; i++) count += x[i] > own;
  return count;
}

/// Settles these slots as contiguous rows.
inline void settle_rows(Specs& specs, std::initializer_list<int> slots) {
  for (int i : slots) {
    if (!specs.has(i)) continue;
    if (specs[i].layout == "any") specs[i].layout = "ab";
    if (specs[i].layout != "ab")
      specs.fail(specs.slots[i].name, ": expected the layout 'ab', got '", specs[i].layout,
                 "'; reorder first");
  }
}

/// f(row) for every row, on several threads if that is faster.
template <class F>
void each_row(int64_t rows, int64_t columns, const F& f) {
  const auto piece = [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) f(r);
  };
  split(rows, piece, 8192 / columns, 1);
}

struct RowResult {
  double loss;
  int32_t in_range, before;
};

/// Writes stats: mean loss, top-1 count, top-k count, labels out of range, losses that are not finite. A
/// logit that is NaN makes its row's loss NaN, and the row is wrong wherever the NaN is.
inline void write_stats(float* stats, const RowResult* results, int64_t valid, int64_t topk) {
  double loss = 0;
  int64_t first = 0, among = 0, bad = 0, spoilt = 0;
  for (int64_t r = 0; r < valid; r++) {
    loss += results[r].loss;
    const bool known = results[r].in_range, finite = std::isfinite(results[r].loss);
    bad += !known;
    spoilt += !finite;
    first += known && finite && results[r].before < 1;
    among += known && finite && results[r].before < topk;
  }
  stats[0] = float(loss / double(std::max<int64_t>(valid, 1)));
  stats[1] = float(first), stats[2] = float(among), stats[3] = float(bad);
  stats[4] = float(spoilt);
}

}  // namespace alexnode::cpu
