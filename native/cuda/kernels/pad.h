// An NHWC image with a border of zeros, and without it again: for asymmetric padding, which cuDNN does not
// support.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// `inner` lies in `outer`, at (top, left).
struct Border {
  void *outer, *inner;
  i64 n, c;  // images; channels, with those that fill blocks
  i64 outer_h, outer_w, inner_h, inner_w, top, left;
};

}  // namespace alexnode::cuda
