// Kernels that the double's own tests run.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// y[i] = x[i] · factor + y[i], for tests of order.
struct ProbeScale {
  float* y;
  const float* x;
  float factor;
  i64 count;
};
/// sums[block] = the sum of the block's x, by shuffles and a barrier.
struct ProbeSums {
  float* sums;
  const float* x;
};
/// What goes wrong: see probe.cu.
struct ProbeWrong {
  float* y;
  int how;
};

}  // namespace alexnode::cuda
