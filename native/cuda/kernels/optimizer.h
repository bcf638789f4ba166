#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

// One launch takes many tensors, each cut into chunks that are a block each.
constexpr int kJoined = 48;
constexpr i64 kChunk = 4096;  // elements

enum class Half : i32 { none, bf16, f16 };

struct UpdatedTensor {
  float *w, *v;
  float* m;   // only adam's
  void* w16;  // or null
  const float *g, *hyper;
  const i32* ok;      // or null
  const float* clip;  // or null
  i64 count;
};

struct AveragedTensor {
  float* y;
  const float *w, *decay;
  const i32* ok;  // or null
  i64 count;
};

struct CheckedTensor {
  const void* x;
  i32* ok;
  i64 count;
  u32 exponent;  // the bits that are all ones in what is not finite
  u32 size;      // bytes of an element: 2 or 4
};

constexpr i64 kSummed = 16384;  // elements that a block adds up

/// A block for each kSummed elements.
struct SquareSumsParams {
  double* sums;  // one a block
  const float* x;
  i64 count;
};

struct NormParams {
  float* norm;
  const double* sums;
  const float* with;  // or null
  i64 count;
};

struct ClipFactorParams {
  float* clip;
  const float *norm, *hyper;
};

struct AgreeParams {
  i32* ok;
  const i32* x;
};

template <class Tensor>
struct Joined {
  Tensor tensor[kJoined];
  Half half[kJoined];
  u32 first_block[kJoined];  // of each
  i32 tensors;
};
using UpdateParams = Joined<UpdatedTensor>;
using FiniteParams = Joined<CheckedTensor>;
using AverageParams = Joined<AveragedTensor>;

}  // namespace alexnode::cuda
