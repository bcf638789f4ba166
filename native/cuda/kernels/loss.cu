// Softmax, its backward, and cross-entropy with its gradient and counts: a block a row, and one block that
// adds up the rows. A row is read again from the cache rather than kept.
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/loss.h"
#include "cuda/kernels/reduce.cuh"

namespace alexnode::cuda {

/// The largest of a row, and Σ exp(x - largest); NaN where an element is.
struct LogSum {
  float largest, sum;
};

template <class T>
ALEXNODE_DEVICE LogSum log_sum(const T* x, i64 n) {
  __shared__ float shared[kWarps];
  float largest = from_bits(0xff800000);
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) largest = Larger{}(largest, x[i]);
  largest = block_reduce(largest, Larger{}, shared);
  float sum = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) sum += expf(float(x[i]) - largest);
  return {largest, block_reduce(sum, Plus{}, shared)};
}

template <class T>
ALEXNODE_DEVICE void softmax(const SoftmaxParams& p) {
  const T* x = static_cast<const T*>(p.x) + blockIdx.x * p.columns;
  T* y = static_cast<T*>(p.y) + blockIdx.x * p.columns;
  const auto [largest, sum] = log_sum(x, p.columns);
  const float factor = 1 / sum;
  for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x) y[i] = factor * expf(float(x[i]) - largest);
}

template <class T>
ALEXNODE_DEVICE void softmax_backward(const SoftmaxParams& p) {
  __shared__ float shared[kWarps];
  const i64 row = blockIdx.x * p.columns;
  const T *y = static_cast<const T*>(p.of_y) + row, *dy = static_cast<const T*>(p.dy) + row;
  T* dx = static_cast<T*>(p.y) + row;
  float dot = 0;
  for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x) dot += float(y[i]) * float(dy[i]);
  dot = block_reduce(dot, Plus{}, shared);
  for (i64 i = threadIdx.x; i < p.columns; i += blockDim.x) dx[i] = float(y[i]) * (float(dy[i]) - dot);
}

ALEXNODE_DEVICE i64 valid_rows(const i32* valid, i64 rows) { return max(i64(0), min(i64(*valid), rows)); }

template <class T>
ALEXNODE_DEVICE void cross_entropy(const CrossEntropyParams& p) {
  __shared__ int shared[kWarps];
  __shared__ double sums[kWarps];
  const i64 row = blockIdx.x, n = p.columns, valid = valid_rows(p.valid, p.rows), label = p.labels[row];
  const T* x = static_cast<const T*>(p.logits) + row * n;
  T* dx = p.dlogits ? static_cast<T*>(p.dlogits) + row * n : nullptr;
  if (row >= valid || label < 0 || label >= n) {
    if (dx)
      for (i64 i = threadIdx.x; i < n; i += blockDim.x) dx[i] = 0.f;
    if (threadIdx.x == 0) p.results[row] = {};
    return;
  }
  const auto [largest, sum] = log_sum(x, n);
  const float own = x[label];
  int before = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x)
    before += i < label ? float(x[i]) >= own : i > label && float(x[i]) > own;
  before = block_reduce(before, Plus{}, shared);
  const float smooth = p.smoothing ? *p.smoothing : 0;
  double wanted = double(own) - double(largest);  // what the target weighs, from the largest on
  if (smooth != 0) {
    double all = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) all += float(x[i]) - largest;
    all = block_reduce(all, Plus{}, sums);
    wanted = (1 - smooth) * wanted + smooth * all / double(n);
  }
  if (threadIdx.x == 0) p.results[row] = {double(logf(sum)) - wanted, 1, before};
  if (!dx) return;
  // dlogits may be logits: no thread writes before all have read `own`.
  __syncthreads();
  const float factor = *p.factor / float(valid), share = factor / sum, each = smooth / float(n);
  for (i64 i = threadIdx.x; i < n; i += blockDim.x)
    dx[i] = i == label ? factor * (expf(own - largest) / sum - (1 - smooth) - each)
                       : share * expf(float(x[i]) - largest) - factor * each;
}

ALEXNODE_DEVICE float sigmoid_of(float x) { return 1.f / (1.f + expf(-x)); }

/// p within its bounds; NaN stays NaN.
ALEXNODE_DEVICE float clipped(float p, const CrossEntropyParams& params) {
  return p < params.low ? params.low : p > params.high ? params.high : p;
}
/// True if clipping changes p, which then has no gradient.
ALEXNODE_DEVICE bool is_clipped(float p, const CrossEntropyParams& params) {
  return p < params.low || p > params.high;
}

template <class T>
ALEXNODE_DEVICE void sigmoid_cross_entropy(const CrossEntropyParams& p) {
  __shared__ int shared[kWarps];
  __shared__ float sums[kWarps];
  const i64 row = blockIdx.x, n = p.columns, valid = valid_rows(p.valid, p.rows), label = p.labels[row];
  const T* x = static_cast<const T*>(p.logits) + row * n;
  T* dx = p.dlogits ? static_cast<T*>(p.dlogits) + row * n : nullptr;
  if (row >= valid || label < 0 || label >= n) {
    if (dx)
      for (i64 i = threadIdx.x; i < n; i += blockDim.x) dx[i] = 0.f;
    if (threadIdx.x == 0) p.results[row] = {};
    return;
  }
  const float smooth = p.smoothing ? *p.smoothing : 0, each = smooth / float(n), own = x[label];
  float sum = 0, logs = 0;
  int before = 0;
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    const float s = clipped(sigmoid_of(x[i]), p);
    sum += s;
    logs += logf(s);
    before += i < label ? float(x[i]) >= own : i > label && float(x[i]) > own;
  }
  sum = block_reduce(sum, Plus{}, sums);
  logs = block_reduce(logs, Plus{}, sums);
  before = block_reduce(before, Plus{}, shared);
  const float s = sigmoid_of(own);
  const double wanted = (1 - smooth) * double(logf(clipped(s, p))) + double(each) * logs;
  if (threadIdx.x == 0) p.results[row] = {double(logf(sum)) - wanted, 1, before};
  if (!dx) return;
  // dlogits may be logits: no thread writes before all have read `own`.
  __syncthreads();
  const float factor = *p.factor / float(valid);
  for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
    const float q = sigmoid_of(x[i]), target = (i == label ? 1 - smooth : 0.f) + each;
    dx[i] = is_clipped(q, p) ? 0.f : factor * (q / sum - target) * (1.f - q);
  }
}

/// One block.
ALEXNODE_KERNEL(loss_stats, LossStatsParams) {
  __shared__ double losses[kWarps];
  __shared__ int counts[kWarps];
  const i64 valid = valid_rows(p.valid, p.rows);
  double loss = 0;
  int first = 0, among = 0, bad = 0, spoilt = 0;
  for (i64 r = threadIdx.x; r < valid; r += blockDim.x) {
    const LossRow row = p.results[r];
    loss += row.loss;
    // False for NaN and infinity.
    const bool known = row.in_range, finite = row.loss - row.loss == 0;
    bad += !known;
    spoilt += !finite;
    first += known && finite && row.before < 1;
    among += known && finite && row.before < p.topk;
  }
  loss = block_reduce(loss, Plus{}, losses);
  first = block_reduce(first, Plus{}, counts);
  among = block_reduce(among, Plus{}, counts);
  bad = block_reduce(bad, Plus{}, counts);
  spoilt = block_reduce(spoilt, Plus{}, counts);
  if (threadIdx.x > 0) return;
  p.stats[0] = float(loss / double(max(valid, i64(1))));
  p.stats[1] = float(first), p.stats[2] = float(among), p.stats[3] = float(bad);
  p.stats[4] = float(spoilt);
}

#define KERNELS(suffix, T)                                                                             \
  ALEXNODE_KERNEL(sigmoid_cross_entropy_##suffix, CrossEntropyParams) { sigmoid_cross_entropy<T>(p); } \
  ALEXNODE_KERNEL(softmax_##suffix, SoftmaxParams) { softmax<T>(p); }                                  \
  ALEXNODE_KERNEL(softmax_backward_##suffix, SoftmaxParams) { softmax_backward<T>(p); }                \
  ALEXNODE_KERNEL(cross_entropy_##suffix, CrossEntropyParams) { cross_entropy<T>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
