// The choice of the tile, and what follows from it for all directions.
#include "cpu/winograd/winograd.h"

#include <omp.h>

#include <cstdint>

#include "cpu/winograd/kernels.h"
#include "cpu/winograd/planes.h"

namespace alexnode::cpu {

using namespace winograd;

namespace {

// Multiplications for each pair of an input and an output channel. What it takes to make and to read the
// transformed weights is counted as 64 tiles; to read them alone, as 8.
int64_t cost(const WinogradShape& shape, int64_t tiles, int64_t size) {
  return (tiles + (shape.frozen ? 8 : 64)) * size * size;
}

const Kernels* choose(const WinogradShape& shape) {
  if (shape.tile) return find_kernels(shape.tile, shape.kernel);
  if (shape.kernel == 5) return find_kernels(4, 5);
  const auto of = [&](int64_t tile) {
    return cost(shape, shape.n * ceil_div(shape.out_h(), tile) * ceil_div(shape.out_w(), tile), tile + 2);
  };
  int best = 4;
  for (int tile : {5, 6}) {
    if (of(tile) < of(best)) best = tile;
  }
  return find_kernels(best, 3);
}

}  // namespace

bool Winograd::supported(const WinogradShape& s, ImageKind in, ImageKind out) {
  if (s.kernel != 3 && s.kernel != 5) return false;
  if (s.n < 1 || s.groups < 1 || s.out_h() < 1 || s.out_w() < 1) return false;
  if (s.c % (s.groups * octet) || s.k % (s.groups * octet) || !choose(s)) return false;
  if (in.layout == ImageLayout::aBcd16b && s.c % 16) return false;
  return out.layout != ImageLayout::aBcd16b || s.k % 16 == 0;
}

Winograd::Winograd(const WinogradShape& shape, ImageKind in, ImageKind out, int threads)
    : shape_(shape),
      in_(in),
      out_(out),
      threads_(threads > 0 ? threads : omp_get_max_threads()),
      kernels_(choose(shape)),
      tile_rows_(ceil_div(shape.out_h(), kernels_->tile)),
      tile_columns_(ceil_div(shape.out_w(), kernels_->tile)),
      in_octets_(shape.c / shape.groups / octet),
      out_octets_(shape.k / shape.groups / octet) {}

bool Winograd::worthwhile() const {
  const int64_t taps = int64_t{shape_.kernel} * shape_.kernel;
  return 5 * cost(shape_, tiles(), kernels_->size) < 4 * shape_.n * shape_.out_h() * shape_.out_w() * taps;
}

std::string Winograd::describe() const {
  const auto square = [](int n) { return std::to_string(n) + "x" + std::to_string(n); };
  return "winograd F(" + square(kernels_->tile) + ", " + square(kernels_->taps) + "):" + kernels_->isa;
}

WinogradLayout Winograd::layout(int64_t stride) const {
  return {kernels_->tile, kernels_->taps, stride, kernels_->panel};
}

int64_t Winograd::frequencies() const { return int64_t{kernels_->size} * kernels_->size; }

int64_t Winograd::panels() const { return ceil_div(out_octets_ * octet, kernels_->panel); }

bool Winograd::weights_stay_cached() const { return transformed_bytes() / shape_.groups <= 8 << 20; }

size_t Winograd::transformed_bytes() const {
  const Planes u = in_panels(nullptr, in_octets_ * octet, panels(), kernels_->panel);
  return sizeof(float) * shape_.groups * frequencies() * u.plane;
}

}  // namespace alexnode::cpu
