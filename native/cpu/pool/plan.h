// The geometry of one pooling op: which cells a window has, which windows see an input, and how rows are
// shared by the threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "cpu/loops.h"
#include "op.h"
#include "ops/pool.h"

namespace alexnode::cpu::pooling {

struct Range {
  int64_t begin, end;
};

/// The windows along one axis.
struct Axis {
  Axis(int64_t kernel, int64_t stride, int64_t before, int64_t after, int64_t in, int64_t out);
  int64_t kernel, stride, before, in, out;
  std::vector<Range> cells;     // of each window, those that lie inside
  std::vector<int64_t> padded;  // how many of each window's cells lie inside or in the padding
  std::vector<Range> windows;   // that see each input
};

struct Plan {
  Axis vertical, horizontal;
  ImageView x, y;
  int64_t lanes;  // channels that lie side by side; 1 in NCHW
  bool include_padding = true;
  /// Of the average over a window.
  int64_t divisor(int64_t oy, int64_t ox) const {
    if (include_padding) return vertical.padded[oy] * horizontal.padded[ox];
    const Range a = vertical.cells[oy], b = horizontal.cells[ox];
    return (a.end - a.begin) * (b.end - b.begin);
  }
};

/// Of the op's fields and the slots x and y, which for a backward op are dx and dy.
Plan make_plan(const PoolFields& f, const Specs& s, int x, int y);

/// Gives all slots the layout of the first that has one, row-major if none has; throws if they differ.
void same_layout(Specs& specs, std::initializer_list<int> slots);

/// f(image and block of channels, row) for each row of an image tensor.
template <class F>
void each_row(const ImageView& v, const F& f) {
  const int64_t items = v.n * v.blocks() * v.h;
  const int64_t work = std::max<int64_t>(v.w * v.block, 1);
  split(
      items,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) f(i / v.h / v.blocks(), i / v.h % v.blocks(), i % v.h);
      },
      8192 / work, 1);
}

inline int64_t base(const ImageView& v, int64_t image, int64_t block) {
  return image * v.image_stride + block * v.block_stride;
}

}  // namespace alexnode::cpu::pooling
