#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// [rows, columns], a block a row.
struct SoftmaxParams {
  void* y;  // dx, backward
  const void* x;
  const void *of_y, *dy;
  i64 columns;
};

struct LossRow {
  double loss;
  i32 in_range;
  i32 before;  // logits that come before the label's
};

struct CrossEntropyParams {
  void* dlogits;  // or null
  LossRow* results;
  const void* logits;
  const i32 *labels, *valid;
  const float *factor, *smoothing;  // smoothing may be null
  i64 rows, columns;
  float low, high;  // what sigmoids are clipped to
};

struct LossStatsParams {
  float* stats;
  const LossRow* results;
  const i32* valid;
  i64 rows, topk;
};

}  // namespace alexnode::cuda
