// Parameters of pool.cu.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

struct PoolParams {
  void* out;       // y, or dx
  const void* in;  // x, or dy
  void* index;     // null: not wanted
  Image x, y;
  i64 count;                                      // chunks of `out`
  i32 kernel[2], stride[2], before[2], after[2];  // down, across
  bool include_padding;
};

}  // namespace alexnode::cuda
