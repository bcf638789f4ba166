// How image tensors and planes of transformed values lie in memory, and how work on them is shared out.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/winograd/kernels.h"
#include "cpu/winograd/winograd.h"

namespace alexnode::cpu::winograd {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

inline Image view(const void* data, const ImageKind& kind, int64_t c, int64_t h, int64_t w) {
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

inline Planes in_rows(float* data, int64_t rows, int64_t octets, int panel) {
  return {data, WinogradLayout::plane(rows * octets * octet), octets * octet, panel, panel / octet};
}

inline Planes in_panels(float* data, int64_t rows, int64_t panels, int panel) {
  return {data, WinogradLayout::plane(rows * panels * panel), panel, rows * panel, panel / octet};
}

// Part i of n of a range of `total`, in multiples of `unit`.
inline Range part(int64_t total, int64_t i, int64_t n, int64_t unit = 1) {
  const int64_t units = ceil_div(total, unit);
  return {std::min(total, units * i / n * unit), std::min(total, units * (i + 1) / n * unit)};
}

// Zeroes octet q, which pads a panel.
inline void clear(const Planes& planes, int64_t frequencies, int64_t rows, int64_t q) {
  for (int64_t f = 0; f < frequencies; ++f) {
    for (int64_t t = 0; t < rows; ++t) std::fill_n(planes.at(t, q) + f * planes.plane, octet, 0.0f);
  }
}

}  // namespace alexnode::cpu::winograd
