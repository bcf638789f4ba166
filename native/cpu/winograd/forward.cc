// A block of tiles passes through three stages: tiles of x to planes V, products M = V U for each frequency,
// M to tiles of y. If there are enough blocks, each thread takes its own, and the planes stay in its caches.
// If not (one image), all threads share the stages of a block. The order of the sums is the same either way.
#include "cpu/winograd/forward.h"

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cpu/winograd/kernels.h"
#include "cpu/winograd/planes.h"

namespace alexnode::cpu {

using namespace winograd;

namespace {

// The forward convolution that computes dx from dy.
WinogradShape reversed(const WinogradShape& s) {
  const int64_t reach = s.kernel - 1;
  return {s.n,
          s.k,
          s.out_h(),
          s.out_w(),
          s.c,
          s.groups,
          s.kernel,
          reach - s.pad_top,
          reach - s.pad_bottom,
          reach - s.pad_left,
          reach - s.pad_right,
          s.tile,
          s.frozen};
}

}  // namespace

WinogradForward::WinogradForward(const WinogradShape& shape, ImageKind in, ImageKind out, bool relu,
                                 int threads)
    : Winograd(shape, in, out, threads), relu_(relu) {
  const int64_t bytes = sizeof(float) * frequencies() * (in_octets_ * octet + panels() * kernels_->panel);
  const int64_t fitting = weights_stay_cached() ? std::clamp<int64_t>((2 << 20) / bytes, 18, 48)
                                                : std::clamp<int64_t>((8 << 20) / bytes, 48, 96);
  const int64_t most = round_up(fitting - kernels_->rows + 1, kernels_->rows);
  const int64_t rounds = ceil_div(tiles() * shape.groups, threads_ * most);
  const int64_t blocks = ceil_div(threads_ * rounds, shape.groups);
  block_ = std::min(round_up(ceil_div(tiles(), blocks), kernels_->rows), most);
  together_ = threads_ > 1 && block_ < 18;
  if (together_) block_ = std::min(tiles(), most * threads_);
}

std::optional<WinogradForward> WinogradForward::of(const WinogradLayout& layout, int64_t c, int64_t k,
                                                   int64_t groups) {
  const int taps = int(layout.taps);
  const WinogradShape shape{.n = 1,
                            .c = c,
                            .h = taps,
                            .w = taps,
                            .k = k,
                            .groups = groups,
                            .kernel = taps,
                            .tile = int(layout.tile)};
  const ImageKind any{ImageLayout::aBcd8b, false};
  if (!supported(shape, any, any)) return {};
  const WinogradForward made(shape, any, any, false);
  if (made.layout(layout.stride) != layout) return {};
  return made;
}

size_t WinogradForward::scratch_bytes() const {
  const Planes v = in_rows(nullptr, block_, in_octets_, kernels_->panel);
  const Planes m = in_panels(nullptr, block_, panels(), kernels_->panel);
  return sizeof(float) * frequencies() * (v.plane + m.plane) * (together_ ? 1 : threads_);
}

void WinogradForward::transform(float* u, const void* w, bool bf16, bool adjoint) const {
  const int64_t taps = int64_t{kernels_->taps} * kernels_->taps, rows = in_octets_ * octet;
  const int64_t columns = out_octets_ * octet;
  const Planes planes = in_panels(u, rows, panels(), kernels_->panel);
#pragma omp parallel for collapse(2) num_threads(threads_) schedule(static)
  for (int64_t g = 0; g < shape_.groups; ++g) {
    for (int64_t p = 0; p < panels(); ++p) {
      Planes to = planes;
      to.data += g * frequencies() * planes.plane;
      const auto* group = static_cast<const std::byte*>(w) + g * rows * columns * taps * (bf16 ? 2 : 4);
      const Filters from{const_cast<std::byte*>(group), bf16, adjoint ? taps : rows * taps,
                         adjoint ? columns * taps : taps, adjoint};
      const int64_t end = std::min((p + 1) * planes.per, out_octets_);
      kernels_->filters(to, from, {0, rows}, {p * planes.per, end});
      for (int64_t q = end; q < (p + 1) * planes.per; ++q) clear(to, frequencies(), rows, q);
    }
  }
}

void WinogradForward::run(void* y, const void* x, const float* u, const float* bias, void* scratch) const {
  const Kernels& kernels = *kernels_;
  const Image in = view(x, in_, shape_.c, shape_.h, shape_.w);
  const Image out = view(y, out_, shape_.k, shape_.out_h(), shape_.out_w());
  const Tiling from{tile_rows_, tile_columns_, shape_.pad_top, shape_.pad_left},
      to{tile_rows_, tile_columns_, 0, 0};
  const int64_t depth = in_octets_ * octet, blocks = ceil_div(tiles(), block_), all = frequencies();
  const Planes us = in_panels(const_cast<float*>(u), depth, panels(), kernels.panel);
  const Planes v = in_rows(static_cast<float*>(scratch), block_, in_octets_, kernels.panel);
  const Planes m = in_panels(v.data + all * v.plane, block_, panels(), kernels.panel);

  const auto input = [&](Planes planes, int64_t g, Range tiles, int64_t first, Range octets) {
    kernels.input(planes, in, from, tiles, first, octets, g * in_octets_);
  };
  const auto output = [&](Planes planes, int64_t g, Range tiles, int64_t first, Range octets) {
    kernels.output(out, planes, to, tiles, first, octets, g * out_octets_, bias, relu_);
  };
  const auto product = [&](const Planes& ms, const Planes& vs, int64_t g, int64_t f, int64_t rows,
                           Range range) {
    kernels.product(ms.data + f * ms.plane, ms, vs.data + f * vs.plane, vs,
                    us.data + (g * all + f) * us.plane, us, rows, depth, range);
  };

  if (together_) {
    // Tasks cut so that a thread reads few panels of U: frequencies first, panels within them.
    const int64_t cuts = std::min<int64_t>(panels(), ceil_div(4 * threads_, all));
    const int64_t pairs = ceil_div(in_octets_, 2);  // a pair's rows are whole cache lines, of one thread
#pragma omp parallel num_threads(threads_)
    for (int64_t g = 0; g < shape_.groups; ++g) {
      for (int64_t b = 0; b < blocks; ++b) {
        const Range tiles{b * block_, std::min((b + 1) * block_, this->tiles())};
#pragma omp for schedule(static)
        for (int64_t i = 0; i < pairs * threads_; ++i) {
          const int64_t q = i / threads_ * 2;
          const Range share = part(tiles.end - tiles.begin, i % threads_, threads_);
          input(v, g, {tiles.begin + share.begin, tiles.begin + share.end}, tiles.begin,
                {q, std::min(q + 2, in_octets_)});
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < all * cuts; ++i) {
          product(m, v, g, i / cuts, tiles.end - tiles.begin, part(panels(), i % cuts, cuts));
        }
#pragma omp for schedule(static)
        for (int64_t q = 0; q < out_octets_; ++q) output(m, g, tiles, tiles.begin, {q, q + 1});
      }
    }
    return;
  }

  const int64_t own = all * (v.plane + m.plane);
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (int64_t i = 0; i < shape_.groups * blocks; ++i) {
    const int64_t g = i / blocks, first = i % blocks * block_;
    const Range tiles{first, std::min(first + block_, this->tiles())};
    Planes vs = v, ms = m;
    vs.data += omp_get_thread_num() * own;
    ms.data += omp_get_thread_num() * own;
    input(vs, g, tiles, first, {0, in_octets_});
    for (int64_t f = 0; f < all; ++f) product(ms, vs, g, f, tiles.end - tiles.begin, {0, panels()});
    output(ms, g, tiles, first, {0, out_octets_});
  }
}

WinogradBackwardData::WinogradBackwardData(const WinogradShape& shape, ImageKind dx, ImageKind dy,
                                           int threads)
    : WinogradForward(reversed(shape), dy, dx, false, threads) {}

}  // namespace alexnode::cpu
