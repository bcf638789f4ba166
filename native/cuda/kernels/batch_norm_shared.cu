// Batch normalisation of a batch that several processes share: moments of a share, and all of them together.
#include "cuda/kernels/batch_norm_shared.h"
#include "cuda/kernels/batch_norm_sums.cuh"

namespace alexnode::cuda {

template <class T>
ALEXNODE_DEVICE void batch_norm_moments(const BatchNormMomentsParams& p) {
  const i64 c = own_warp(), channels = p.image.c;
  if (c >= channels) return;
  const auto [sum, product] = add_segments(p.sums, c, p.segments);
  if (threadIdx.x % 32 > 0) return;
  for (i64 s = 0; s < p.slots; s++) {
    const bool own = s == p.slot;
    const double first = own ? double(static_cast<const T*>(p.x)[place(p.image, 0, c, 0)]) : 0.;
    const double around = product - sum * sum / p.count;
    float* row = p.moments + s * (1 + 2 * channels);
    if (c == 0) row[0] = own ? float(p.count) : 0.f;
    row[1 + c] = own ? float(first + sum / p.count) : 0.f;
    row[1 + channels + c] = !own || around < 0 ? 0.f : float(around);
  }
}

ALEXNODE_KERNEL(batch_norm_combine, BatchNormCombineParams) {
  for (i64 c = first_index(); c < p.channels; c += index_step()) {
    double count = 0, mean = 0, around = 0;
    for (i64 s = 0; s < p.slots; s++) {
      const float* row = p.moments + s * (1 + 2 * p.channels);
      const double own = double(row[0]);
      if (own == 0) continue;
      const double whole = count + own, off = double(row[1 + c]) - mean;
      around += double(row[1 + p.channels + c]) + off * off * count * own / whole;
      mean += off * own / whole;
      count = whole;
    }
    p.mean[c] = float(mean);
    p.var[c] = count == 0 ? 0.f : float(around / count);
  }
}

#define KERNELS(suffix, T) \
  ALEXNODE_KERNEL(batch_norm_moments_##suffix, BatchNormMomentsParams) { batch_norm_moments<T>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
