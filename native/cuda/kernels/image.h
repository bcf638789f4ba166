// Parameters of image.cu.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// y = (x - mean) · scale, a mean and a scale a channel.
struct NormalizeParams {
  void* y;
  const void* x;
  const float *mean, *scale;
  Image to, from;
  i64 count;  // elements or chunks of y
};

struct ResizeParams {
  void* y;
  const void* x;
  Image to, from;
  i64 count;          // elements of y, padding included
  i64 top, left;      // what of y
  i64 height, width;  // the picture fills
  float value;        // of the border
};

}  // namespace alexnode::cuda
