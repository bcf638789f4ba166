// Winograd's forward convolution, and dx by the same algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cpu/winograd/winograd.h"

namespace alexnode::cpu {

class WinogradForward : public Winograd {
 public:
  // threads: 0 takes OpenMP's default.
  WinogradForward(const WinogradShape& shape, ImageKind in, ImageKind out, bool relu, int threads = 0);

  /// One that transforms filters to this layout, from c to k channels; none where this machine's kernels do
  /// not.
  static std::optional<WinogradForward> of(const WinogradLayout& layout, int64_t c, int64_t k,
                                           int64_t groups);

  size_t weights_bytes() const { return transformed_bytes(); }
  size_t scratch_bytes() const;
  // u from w[groups, k / groups, c / groups, kernel, kernel], of f32 or bf16.
  void transform_weights(float* u, const void* w, bool bf16) const { transform(u, w, bf16, false); }
  // y[n, k, out_h, out_w] from x[n, c, h, w] and bias[k], which may be null.
  void run(void* y, const void* x, const float* u, const float* bias, void* scratch) const;

 protected:
  void transform(float* u, const void* w, bool bf16, bool adjoint) const;

 private:
  bool relu_, together_;
  int64_t block_;  // tiles
};

// dx from dy. It is the forward convolution of dy with flipped filters, inputs and outputs exchanged.
class WinogradBackwardData : private WinogradForward {
 public:
  // shape is that of the forward convolution.
  WinogradBackwardData(const WinogradShape& shape, ImageKind dx, ImageKind dy, int threads = 0);

  using WinogradForward::describe;
  using WinogradForward::scratch_bytes;
  using WinogradForward::weights_bytes;
  using WinogradForward::worthwhile;
  // u from the forward convolution's w.
  void transform_weights(float* u, const void* w, bool bf16) const { transform(u, w, bf16, true); }
  // dx[n, c, h, w] from dy[n, k, out_h, out_w].
  void run(void* dx, const void* dy, const float* u, void* scratch) const {
    WinogradForward::run(dx, dy, u, nullptr, scratch);
  }
};

}  // namespace alexnode::cpu
