#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// A row of `moments`, [slots][1 + C + C]; the others become 0.
struct BatchNormMomentsParams {
  const double* sums;
  const void* x;
  float* moments;
  Image image;
  double count;  // elements of a channel
  i64 slot, slots;
  i32 segments;
};

struct BatchNormCombineParams {
  float *mean, *var;
  const float* moments;  // [slots][1 + C + C]
  i64 channels, slots;
};

}  // namespace alexnode::cuda
