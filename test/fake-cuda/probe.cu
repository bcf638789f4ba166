#include "cuda/kernels/lanes.cuh"
#include "probe.h"

namespace alexnode::cuda {

#define SCALE(suffix, T)                                                                                \
  ALEXNODE_KERNEL(probe_scale_##suffix, ProbeScale) {                                                   \
    for (i64 i = first_index(); i < p.count; i += index_step()) p.y[i] = T(p.x[i] * p.factor) + p.y[i]; \
  }
ALEXNODE_FLOATS(SCALE)

ALEXNODE_DEVICE float sum_of_block(float value) {
  __shared__ float of_warp[8];
  for (int by = 16; by; by /= 2) value += __shfl_down_sync(0xffffffff, value, by);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
  for (unsigned i = 0; i < blockDim.x / 32; ++i) sum += of_warp[i];
  __syncthreads();
  return sum;
}

ALEXNODE_KERNEL(probe_sums, ProbeSums) {
  const float sum = sum_of_block(p.x[first_index()]);
  // Every thread has the sum; each tells it once more through shared memory.
  __shared__ float told[256];
  told[threadIdx.x] = sum;
  __syncthreads();
  const float other = told[blockDim.x - 1 - threadIdx.x];
  const bool all = __all_sync(0xffffffff, other == sum);
  if (threadIdx.x == 0) p.sums[blockIdx.x] = all ? sum : -1;
}

/// y[lane] = what each shuffle gives lane `lane` of one warp.
ALEXNODE_KERNEL(probe_shuffles, ProbeSums) {
  const int lane = int(threadIdx.x);
  float* const y = p.sums + lane * 6;
  y[0] = __shfl_sync(0xffffffff, p.x[lane], 3);
  y[1] = __shfl_sync(0xffffffff, p.x[lane], 9, 8);
  y[2] = __shfl_up_sync(0xffffffff, p.x[lane], 2u, 8);
  y[3] = __shfl_down_sync(0xffffffff, p.x[lane], 2u, 8);
  y[4] = __shfl_xor_sync(0xffffffff, p.x[lane], 12, 8);
  // Half a warp may go its own way.
  if (lane < 16)
    y[5] = float(__ballot_sync(0xffffu, lane % 3 == 0));
  else
    y[5] = float(__shfl_xor_sync(0xffff0000u, lane, 1));
}

ALEXNODE_KERNEL(probe_wrong, ProbeWrong) {
  const unsigned i = threadIdx.x;
  if (p.how == 0 && i == 5) return;
  if (p.how == 0) __syncthreads();
  if (p.how == 1) {
    if (i < 32)
      __syncthreads();
    else
      __syncthreads();
  }
  if (p.how == 2 && i % 2) p.y[i] = __shfl_xor_sync(0xffffffff, 1.f, 1);
  if (p.how == 3) {
    if (i % 2)
      p.y[i] = __shfl_xor_sync(0xffffffff, 1.f, 1);
    else
      p.y[i] = __shfl_xor_sync(0xffffffff, 1.f, 2);
  }
  if (p.how == 4) p.y[(1ll << 30) + i] = 1;
  if (p.how == 5) *reinterpret_cast<Lanes<float, 4>*>(p.y + 2) = {};
}

}  // namespace alexnode::cuda
