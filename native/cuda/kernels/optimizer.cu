// Parameter updates, each one pass over the parameters at the speed of memory, and the search for numbers
// that are not finite; both over many tensors in one launch. Padding of blocked layouts is zero in all
// tensors, and these updates keep it so.
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/lanes.cuh"
#include "cuda/kernels/optimizer.h"
#include "cuda/kernels/reduce.cuh"

namespace alexnode::cuda {

/// The tensor of this block, by bisection.
template <class Tensor>
ALEXNODE_DEVICE int own_tensor(const Joined<Tensor>& p) {
  int found = 0;
  for (int step = 32; step > 0; step >>= 1)
    if (found + step < p.tensors && p.first_block[found + step] <= blockIdx.x) found += step;
  return found;
}

template <int N>
ALEXNODE_DEVICE void store_half(void* w16, Half half, i64 i, const Lanes<float, N>& w) {
  if (half == Half::bf16) {
    Lanes<bf16, N> y;
    for (int l = 0; l < N; l++) y.lane[l] = w.lane[l];
    put(static_cast<bf16*>(w16) + i, y);
  } else if (half == Half::f16) {
    Lanes<f16, N> y;
    for (int l = 0; l < N; l++) y.lane[l] = w.lane[l];
    put(static_cast<f16*>(w16) + i, y);
  }
}

/// N elements from i on.
template <bool Adam, int N, class F>
ALEXNODE_DEVICE void update_lanes(const UpdatedTensor& t, Half half, i64 i, const F& f) {
  using Pack = Lanes<float, N>;
  Pack w = *reinterpret_cast<const Pack*>(t.w + i), v = *reinterpret_cast<const Pack*>(t.v + i), m{};
  if constexpr (Adam) m = *reinterpret_cast<const Pack*>(t.m + i);
  const Pack g = *reinterpret_cast<const Pack*>(t.g + i);
  for (int l = 0; l < N; l++) f(w.lane[l], m.lane[l], v.lane[l], g.lane[l]);
  put(t.w + i, w);
  put(t.v + i, v);
  if constexpr (Adam) put(t.m + i, m);
  store_half(t.w16, half, i, w);
}

/// f(w, m, v, g) for every element of the block's chunk.
template <bool Adam, class F>
ALEXNODE_DEVICE void update(const UpdatedTensor& t, Half half, i64 chunk, const F& f) {
  const i64 begin = chunk * kChunk, end = min(begin + kChunk, t.count);
  const bool four = aligned(t.w, 16) && aligned(t.v, 16) && aligned(t.g, 16) && aligned(t.w16, 8) &&
                    (!Adam || aligned(t.m, 16));
  const i64 whole = four ? begin + (end - begin) / 4 * 4 : begin;
  for (i64 i = begin + 4 * threadIdx.x; i < whole; i += 4 * blockDim.x) update_lanes<Adam, 4>(t, half, i, f);
  for (i64 i = whole + threadIdx.x; i < end; i += blockDim.x) update_lanes<Adam, 1>(t, half, i, f);
}

ALEXNODE_DEVICE float clip_of(const UpdatedTensor& t) { return t.clip ? *t.clip : 1; }

template <bool RateInVelocity, bool Nesterov>
ALEXNODE_DEVICE void sgd(const UpdateParams& p) {
  const int own = own_tensor(p);
  const UpdatedTensor& t = p.tensor[own];
  if (t.ok && !*t.ok) return;
  const float rate = t.hyper[0], momentum = t.hyper[1], decay = t.hyper[2], factor = t.hyper[3] * clip_of(t);
  update<false>(t, p.half[own], blockIdx.x - p.first_block[own], [=](float& w, float&, float& v, float g) {
    const float slope = factor * g + decay * w;
    if constexpr (RateInVelocity) {
      v = momentum * v - rate * slope;
      w += v;
    } else {
      v = momentum * v + slope;
      w -= rate * (Nesterov ? slope + momentum * v : v);
    }
  });
}

/// 1 - β^t, near to it also where β is near 1.
ALEXNODE_DEVICE float correction(float beta, float step) { return -expm1f(step * logf(beta)); }

ALEXNODE_KERNEL(sgd, UpdateParams) { sgd<false, false>(p); }
ALEXNODE_KERNEL(sgd_nesterov, UpdateParams) { sgd<false, true>(p); }
ALEXNODE_KERNEL(sgd_rate_in_velocity, UpdateParams) { sgd<true, false>(p); }

ALEXNODE_KERNEL(adam, UpdateParams) {
  const int own = own_tensor(p);
  const UpdatedTensor& t = p.tensor[own];
  if (t.ok && !*t.ok) return;
  const float beta1 = t.hyper[1], beta2 = t.hyper[2], epsilon = t.hyper[3], decay = t.hyper[4],
              factor = t.hyper[5] * clip_of(t);
  // Both averages start at zero; the two corrections compensate for that.
  const float rate = t.hyper[0] / correction(beta1, t.hyper[6]);
  const float of_root = 1 / sqrtf(correction(beta2, t.hyper[6]));
  update<true>(t, p.half[own], blockIdx.x - p.first_block[own], [=](float& w, float& m, float& v, float g) {
    const float slope = factor * g + decay * w;
    m = beta1 * m + (1 - beta1) * slope;
    v = beta2 * v + (1 - beta2) * slope * slope;
    w -= rate * m / (sqrtf(v) * of_root + epsilon);
  });
}

ALEXNODE_KERNEL(average, AverageParams) {
  const int own = own_tensor(p);
  const AveragedTensor& t = p.tensor[own];
  if (t.ok && !*t.ok) return;
  const float decay = *t.decay;
  const i64 begin = i64(blockIdx.x - p.first_block[own]) * kChunk, end = min(begin + kChunk, t.count);
  i64 whole = begin;
  if (aligned(t.y, 16) && aligned(t.w, 16)) {
    whole = begin + (end - begin) / 4 * 4;
    for (i64 i = begin + 4 * threadIdx.x; i < whole; i += 4 * blockDim.x) {
      auto y = *reinterpret_cast<const Lanes<float, 4>*>(t.y + i);
      const auto w = *reinterpret_cast<const Lanes<float, 4>*>(t.w + i);
      for (int l = 0; l < 4; l++) y.lane[l] = decay * y.lane[l] + (1 - decay) * w.lane[l];
      put(t.y + i, y);
    }
  }
  for (i64 i = whole + threadIdx.x; i < end; i += blockDim.x) t.y[i] = decay * t.y[i] + (1 - decay) * t.w[i];
}

/// Each thread adds up every 256th of a block's elements: squares of f32 are exact in f64.
ALEXNODE_KERNEL(square_sums, SquareSumsParams) {
  __shared__ double shared[kWarps];
  const i64 begin = blockIdx.x * kSummed, end = min(begin + kSummed, p.count);
  double sum = 0;
  for (i64 i = begin + threadIdx.x; i < end; i += blockDim.x) sum += double(p.x[i]) * double(p.x[i]);
  sum = block_reduce(sum, Plus{}, shared);
  if (threadIdx.x == 0) p.sums[blockIdx.x] = sum;
}

/// One block.
ALEXNODE_KERNEL(norm, NormParams) {
  __shared__ double shared[kWarps];
  double sum = 0;
  for (i64 i = threadIdx.x; i < p.count; i += blockDim.x) sum += p.sums[i];
  sum = block_reduce(sum, Plus{}, shared);
  if (threadIdx.x > 0) return;
  const double with = p.with ? double(*p.with) : 0;
  *p.norm = float(sqrt(with * with + sum));
}

/// One thread.
ALEXNODE_KERNEL(clip_factor, ClipFactorParams) {
  const float factor = p.hyper[0] / (p.hyper[1] * *p.norm + 1e-6f);
  *p.clip = factor > 1 ? 1 : factor;
}

/// All threads that find one write the same 0.
ALEXNODE_KERNEL(check_finite, FiniteParams) {
  const int own = own_tensor(p);
  const CheckedTensor& t = p.tensor[own];
  const i64 begin = i64(blockIdx.x - p.first_block[own]) * kChunk, end = min(begin + kChunk, t.count);
  const auto* x = static_cast<const u8*>(t.x);
  // Words of two halves are looked at half by half.
  const u32 low = t.exponent, high = t.exponent << (t.size == 2 ? 16 : 0);
  bool bad = false;
  i64 whole = begin;
  if (aligned(x, 16)) {
    const i64 lanes = 16 / t.size;
    whole = begin + (end - begin) / lanes * lanes;
    for (i64 i = begin + lanes * threadIdx.x; i < whole; i += lanes * blockDim.x) {
      const auto pack = *reinterpret_cast<const Lanes<u32, 4>*>(x + i * t.size);
      for (const u32 word : pack.lane) bad |= (word & low) == low || (word & high) == high;
    }
  }
  for (i64 i = whole + threadIdx.x; i < end; i += blockDim.x) {
    const u32 bits = t.size == 2 ? static_cast<const u16*>(t.x)[i] : static_cast<const u32*>(t.x)[i];
    bad |= (bits & low) == low;
  }
  if (bad) *t.ok = 0;
}

/// One thread.
ALEXNODE_KERNEL(agree, AgreeParams) {
  if (!*p.x) *p.ok = 0;
}

}  // namespace alexnode::cuda
