// The gradients of the filters and of the bias by Winograd.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/winograd/winograd.h"

namespace alexnode::cpu {

// dw and db from x and dy, by the adjoint of the forward algorithm: dw = G^T (sum over tiles of V * A dy A^T)
// G.
class WinogradBackwardWeights : public Winograd {
 public:
  // shape is that of the forward convolution.
  WinogradBackwardWeights(const WinogradShape& shape, ImageKind x, ImageKind dy, int threads = 0);

  size_t scratch_bytes() const;
  // dw[groups, k / groups, c / groups, kernel, kernel], db[k] (may be null), x[n, c, h, w], dy[n, k, out_h,
  // out_w].
  void run(float* dw, float* db, const void* x, const void* dy, void* scratch) const;

 private:
  int64_t block_;  // tiles
};

}  // namespace alexnode::cpu
