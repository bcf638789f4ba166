// All threads share the stages of a block of tiles: tiles of x to planes V, tiles of dy to planes W, and
// S += V^T W for each frequency. After the last block S becomes dw.
#include "cpu/winograd/backward_weights.h"

#include <algorithm>
#include <cstdint>

#include "cpu/winograd/kernels.h"
#include "cpu/winograd/planes.h"

namespace alexnode::cpu {

using namespace winograd;

WinogradBackwardWeights::WinogradBackwardWeights(const WinogradShape& shape, ImageKind x, ImageKind dy,
                                                 int threads)
    : Winograd(shape, x, dy, threads) {
  // Each block reads and writes all of S: the more of it is in memory, the more tiles a block.
  const int64_t most = weights_stay_cached() ? 96 : 192;
  block_ = ceil_div(tiles(), ceil_div(tiles(), most));
}

size_t WinogradBackwardWeights::scratch_bytes() const {
  const Planes v = in_rows(nullptr, block_, in_octets_, kernels_->panel);
  const Planes w = in_panels(nullptr, block_, panels(), kernels_->panel);
  return transformed_bytes() / shape_.groups +
         sizeof(float) * (frequencies() * (v.plane + w.plane) + shape_.k);
}

void WinogradBackwardWeights::run(float* dw, float* db, const void* x, const void* dy, void* scratch) const {
  const Kernels& kernels = *kernels_;
  const Image in = view(x, in_, shape_.c, shape_.h, shape_.w);
  const Image out = view(dy, out_, shape_.k, shape_.out_h(), shape_.out_w());
  const Tiling from{tile_rows_, tile_columns_, shape_.pad_top, shape_.pad_left},
      to{tile_rows_, tile_columns_, 0, 0};
  const int64_t depth = in_octets_ * octet, columns = out_octets_ * octet;
  const int64_t taps = int64_t{kernels.taps} * kernels.taps, all = frequencies();
  const Planes s = in_panels(static_cast<float*>(scratch), depth, panels(), kernels.panel);
  const Planes v = in_rows(s.data + all * s.plane, block_, in_octets_, kernels.panel);
  const Planes w = in_panels(v.data + all * v.plane, block_, panels(), kernels.panel);
  float* const sums = db ? db : w.data + all * w.plane;
  const int64_t cuts = std::min<int64_t>(panels(), ceil_div(4 * threads_, all));
  const int64_t padded = panels() * kernels.panel / octet;

#pragma omp parallel num_threads(threads_)
  for (int64_t g = 0; g < shape_.groups; ++g) {
    for (int64_t first = 0; first < tiles(); first += block_) {
      const Range tiles{first, std::min(first + block_, this->tiles())};
      const int64_t count = tiles.end - first;
      // No two threads write to one cache line: whole rows of V, and panels of W by pairs of octets.
#pragma omp for schedule(dynamic) nowait
      for (int64_t t = tiles.begin; t < tiles.end; t += 8) {
        kernels.input(v, in, from, {t, std::min(t + 8, tiles.end)}, first, {0, in_octets_}, g * in_octets_);
      }
#pragma omp for schedule(dynamic, 2)
      for (int64_t q = 0; q < padded; ++q) {
        if (q < out_octets_) {
          float* sum = sums + (g * out_octets_ + q) * octet;
          if (first == 0) std::fill_n(sum, octet, 0.0f);
          kernels.gradient(w, sums + g * columns, out, to, tiles, first, {q, q + 1}, g * out_octets_);
        } else {
          clear(w, all, count, q);
        }
      }
#pragma omp for schedule(dynamic)
      for (int64_t i = 0; i < all * cuts; ++i) {
        const int64_t f = i / cuts;
        kernels.product_adjoint(s.data + f * s.plane, s, v.data + f * v.plane, v, w.data + f * w.plane, w,
                                {0, depth}, count, part(panels(), i % cuts, cuts), first == 0);
      }
    }
#pragma omp for schedule(static)
    for (int64_t p = 0; p < panels(); ++p) {
      const Range octets{p * s.per, std::min((p + 1) * s.per, out_octets_)};
      kernels.filters_adjoint(s, {dw + g * depth * columns * taps, false, depth * taps, taps, false},
                              {0, depth}, octets);
    }
  }
}

}  // namespace alexnode::cpu
