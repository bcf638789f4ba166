#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// y = f(a) or f(a, b) of `count` elements as they lie in memory; y may lie where an input does.
struct MapParams {
  void* y;
  const void *a, *b;
  i64 count;
  float factor;
};

/// The same where channels are padded up to a block, and f(0) is not 0.
struct PaddedMapParams {
  void* y;
  const void* x;
  i64 count;
  Image image;
};

}  // namespace alexnode::cuda
