// The logarithm of the mean of several softmaxes: a block a row.
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/reduce.cuh"
#include "cuda/kernels/views.h"

namespace alexnode::cuda {

template <class T>
ALEXNODE_DEVICE void log_mean_softmax(const LogMeanSoftmaxParams& p) {
  __shared__ float shared[kWarps];
  const i64 row = blockIdx.x, n = p.columns, step = p.rows * n;
  const T* x = static_cast<const T*>(p.x) + row * n;
  float* levels = p.levels + row * p.views;
  for (i64 v = 0; v < p.views; v++) {
    const T* at = x + v * step;
    float largest = from_bits(0xff800000), sum = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) largest = Larger{}(largest, at[i]);
    largest = block_reduce(largest, Larger{}, shared);
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) sum += expf(float(at[i]) - largest);
    sum = block_reduce(sum, Plus{}, shared);
    if (threadIdx.x == 0) levels[v] = largest + logf(sum);
  }
  __syncthreads();
  const float less = logf(float(p.views));
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    // The largest term is factored out of the sum, so that it cannot underflow.
    float all = float(x[i]) - levels[0];
    for (i64 v = 1; v < p.views; v++) {
      const float one = float(x[v * step + i]) - levels[v];
      // fmaxf would lose a NaN.
      const float high = all > one ? all : one, low = all > one ? one : all;
      all = high + logf(1.f + expf(low - high));
    }
    p.y[row * n + i] = all - less;
  }
}

#define KERNELS(suffix, T) \
  ALEXNODE_KERNEL(log_mean_softmax_##suffix, LogMeanSoftmaxParams) { log_mean_softmax<T>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
