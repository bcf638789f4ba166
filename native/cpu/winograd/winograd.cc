// Winograd convolution: choice of tile, blocking and threading around the kernels of kernels.h.
//
// A block of tiles passes through three stages: tiles of x to planes V, products M = V U a frequency, M to
// tiles of y. Where there are enough blocks each thread takes its own, and the planes stay in its caches;
// where there are not (one image), all threads share the stages of a block. Sums run in one fixed order
// either way.

#include "cpu/winograd/winograd.h"

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "cpu/simd/isa.h"
#include "cpu/winograd/kernels.h"

namespace alexnode::cpu {
namespace {

using namespace winograd;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

const Kernels* find(int tile, int taps) {
#if defined(__x86_64__)
  if (has_avx512()) {
    if (const Kernels* kernels = avx512(tile, taps)) return kernels;
  }
  if (has_avx2()) {
    if (const Kernels* kernels = avx2(tile, taps)) return kernels;
  }
#endif
  return portable(tile, taps);
}

// Multiplications for each pair of an input and an output channel. What it takes to make and to read the
// transformed weights is counted as 64 tiles; to read them alone, as 8.
int64_t cost(const WinogradShape& shape, int64_t tiles, int64_t size) {
  return (tiles + (shape.frozen ? 8 : 64)) * size * size;
}

const Kernels* choose(const WinogradShape& shape) {
  if (shape.tile) return find(shape.tile, shape.kernel);
  if (shape.kernel == 5) return find(4, 5);
  const auto of = [&](int64_t tile) {
    return cost(shape, shape.n * ceil_div(shape.out_h(), tile) * ceil_div(shape.out_w(), tile), tile + 2);
  };
  int best = 4;
  for (int tile : {5, 6}) {
    if (of(tile) < of(best)) best = tile;
  }
  return find(best, 3);
}

Image view(const void* data, const ImageKind& kind, int64_t c, int64_t h, int64_t w) {
  const int64_t map = h * w;
  // The kernels write only to the images they are to write.
  void* p = const_cast<void*>(data);
  switch (kind.layout) {
    case ImageLayout::abcd:
      return {p, kind.bf16, h, w, c * map, w, 1, 16 * map, 8 * map, map};
    case ImageLayout::acdb:
      return {p, kind.bf16, h, w, c * map, w * c, c, 16, 8, 1};
    case ImageLayout::aBcd8b:
      return {p, kind.bf16, h, w, c * map, w * 8, 8, 16 * map, 8 * map, 1};
    case ImageLayout::aBcd16b:
      return {p, kind.bf16, h, w, c * map, w * 16, 16, 16 * map, 8, 1};
  }
  return {};
}

Planes in_rows(float* data, int64_t rows, int64_t octets, int panel) {
  return {data, WinogradLayout::plane(rows * octets * octet), octets * octet, panel, panel / octet};
}

Planes in_panels(float* data, int64_t rows, int64_t panels, int panel) {
  return {data, WinogradLayout::plane(rows * panels * panel), panel, rows * panel, panel / octet};
}

// Part i of n of a range of `total`, in multiples of `unit`.
Range part(int64_t total, int64_t i, int64_t n, int64_t unit = 1) {
  const int64_t units = ceil_div(total, unit);
  return {std::min(total, units * i / n * unit), std::min(total, units * (i + 1) / n * unit)};
}

// Panels are filled up with octets of zeros.
void clear(const Planes& planes, int64_t frequencies, int64_t rows, int64_t q) {
  for (int64_t f = 0; f < frequencies; ++f) {
    for (int64_t t = 0; t < rows; ++t) std::fill_n(planes.at(t, q) + f * planes.plane, octet, 0.0f);
  }
}

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

// --- Forward
// --------------------------------------------------------------------------------------------------

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

// --- Backward
// -------------------------------------------------------------------------------------------------

WinogradBackwardData::WinogradBackwardData(const WinogradShape& shape, ImageKind dx, ImageKind dy,
                                           int threads)
    : WinogradForward(reversed(shape), dy, dx, false, threads) {}

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
