// The pixels of one tile in an image tensor: gathered with zeros for the padding, or written back.
#pragma once

#include <cstdint>

#include "cpu/winograd/isa/vectors.h"

namespace alexnode::cpu::winograd {
namespace {

struct Place {
  int64_t n, y, x;  // first pixel of a tile; it may lie in the padding
};

WINOGRAD_INLINE Place place(const Tiling& tiling, int64_t t, int step) {
  const int64_t line = t / tiling.columns;
  return {line / tiling.rows, line % tiling.rows * step - tiling.top,
          t % tiling.columns * step - tiling.left};
}

// Size x Size pixels of eight channels and the strides to walk them: the image itself if possible, else a
// copy. What lies outside of the image is zero.
struct Source {
  const float* data;
  int64_t row, pixel;
};

// Not a template, nor inline: there are many callers, and the size of the addon counts.
__attribute__((noinline)) void copy(Vec* to, int size, const Image& image, int64_t start, const Place& at) {
  const auto* floats = static_cast<const float*>(image.data);
  const auto* halves = static_cast<const uint16_t*>(image.data);
  for (int y = 0; y < size; ++y, start += image.row) {
    const bool row = at.y + y >= 0 && at.y + y < image.height;
    for (int x = 0; x < size; ++x, ++to) {
      const int64_t from = start + x * image.pixel;
      if (!row || at.x + x < 0 || at.x + x >= image.width) {
        *to = Vec{};
      } else if (image.lane == 1) {
        *to = image.bf16 ? widen(load<Half>(halves + from)) : load(floats + from);
      } else {
        for (int lane = 0; lane < octet; ++lane) {
          const int64_t one = from + lane * image.lane;
          (*to)[lane] = image.bf16 ? widen(halves[one]) : floats[one];
        }
      }
    }
  }
}

template <int Size>
WINOGRAD_INLINE Source gather(Vec* staged, const Image& image, int64_t n, int64_t q, const Place& at) {
  const bool inside = at.y >= 0 && at.x >= 0 && at.y + Size <= image.height && at.x + Size <= image.width;
  const int64_t start = image.at(n, q, at.y, at.x);
  if (inside && image.lane == 1 && !image.bf16)
    return {static_cast<const float*>(image.data) + start, image.row, image.pixel};
  if (inside && image.lane == 1) {
    for (int y = 0; y < Size; ++y) {
      const auto* from = static_cast<const uint16_t*>(image.data) + start + y * image.row;
#pragma GCC unroll 8
      for (int x = 0; x < Size; ++x) staged[y * Size + x] = widen(load<Half>(from + x * image.pixel));
    }
  } else {
    copy(staged, Size, image, start, at);
  }
  return {reinterpret_cast<const float*>(staged), Size * octet, octet};
}

__attribute__((noinline)) void scatter(const Image& image, int64_t to, Vec value) {
  const Half half = narrow(value);
  for (int lane = 0; lane < octet; ++lane, to += image.lane) {
    if (image.bf16)
      static_cast<uint16_t*>(image.data)[to] = half[lane];
    else
      static_cast<float*>(image.data)[to] = value[lane];
  }
}

WINOGRAD_INLINE void write(const Image& image, int64_t to, Vec value) {
  if (image.lane != 1)
    scatter(image, to, value);
  else if (image.bf16)
    store(static_cast<uint16_t*>(image.data) + to, narrow(value));
  else
    store(static_cast<float*>(image.data) + to, value);
}

}  // namespace
}  // namespace alexnode::cpu::winograd
