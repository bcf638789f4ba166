#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// Where the numbers of a tensor come from: element (n, c, pixel) takes that of the index
/// (rng's first sample + n) · sample + offset + c · pixels + pixel.
struct DropoutParams {
  void* y;
  const void* x;
  const u32* rng;
  float rate, scale;
  u32 purpose;
  i64 sample, offset;
  // Row-major: runs of consecutive elements with consecutive indices, one per image, or one in all.
  i64 runs, length;
  // Other layouts.
  Image image;
};

/// y = low + (high - low) · uniform, or mean + std · normal.
struct RandomFillParams {
  void* y;
  const u32* rng;
  i64 count;
  u32 purpose;
  float low_or_mean, high_or_std;
};

struct AdvanceParams {
  u32* rng;
  u32 by;
};

}  // namespace alexnode::cuda
