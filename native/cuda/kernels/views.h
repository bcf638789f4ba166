// Parameters of views.cu.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

struct LogMeanSoftmaxParams {
  float* y;
  const void* x;
  float* levels;  // [rows, views]
  i64 views, rows, columns;
};

}  // namespace alexnode::cuda
