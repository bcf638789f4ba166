// Reductions over a warp and over a block, in an order that depends on the block's size alone. All threads
// of the warp or the block call them, and all get the result.
#pragma once
#include "cuda/kernels/device.cuh"

namespace alexnode::cuda {

constexpr int kWarps = 8;  // of a block, at most

struct Plus {
  template <class T>
  ALEXNODE_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
/// A NaN is no larger than anything.
struct Larger {
  ALEXNODE_DEVICE float operator()(float a, float b) const { return b > a ? b : a; }
};

template <class T, class F>
ALEXNODE_DEVICE T warp_reduce(T value, F join) {
  for (int with = 16; with > 0; with >>= 1) value = join(value, __shfl_xor_sync(~0u, value, with));
  return value;
}

/// Of whole warps. `shared` has a place a warp, and may be used again at once.
template <class T, class F>
ALEXNODE_DEVICE T block_reduce(T value, F join, T* shared) {
  value = warp_reduce(value, join);
  const u32 warps = blockDim.x / 32;
  if (warps == 1) return value;
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = shared[0];
  for (u32 w = 1; w < warps; w++) value = join(value, shared[w]);
  __syncthreads();
  return value;
}

}  // namespace alexnode::cuda
