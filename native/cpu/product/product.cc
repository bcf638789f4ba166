#include "cpu/product/product.h"

#include <algorithm>
#include <cstdint>

#include "cpu/loops.h"
#include "cpu/product/kernels.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

using product::Kernel;
using product::Tile;

namespace {

constexpr int64_t kDepth = 384;  // a panel of b (24 KB with AVX2) stays in the first cache

constexpr int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }
constexpr int64_t round_up(int64_t n, int64_t unit) { return up(n, unit) * unit; }

/// Panels of `width` columns, each to[k][j] = from[k * step + j * by] for j < columns, 0 up to the last
/// panel's width.
ALEXNODE_CLONES void pack(float* to, const float* from, int64_t depth, int64_t columns, int64_t width,
                          int64_t step, int64_t by) {
  const int64_t whole = by == 1 ? columns / width : 0;
  for (int64_t k = 0; k < depth && whole; k++) {
    const float* row = from + k * step;
    for (int64_t p = 0; p < whole; p++) {
      __builtin_prefetch(row + 4 * step + p * width);
      for (int64_t j = 0; j < width; j++) to[(p * depth + k) * width + j] = row[p * width + j];
    }
  }
  for (int64_t p = whole; p * width < columns; p++)
    for (int64_t k = 0; k < depth; k++)
      for (int64_t j = 0; j < width; j++)
        to[(p * depth + k) * width + j] =
            p * width + j < columns ? from[k * step + (p * width + j) * by] : 0.f;
}

/// c[j][i] of `rows` x `columns` sums[i][j], as in ProductShape.
ALEXNODE_CLONES void transpose(float* c, const float* sums, const float* bias, const ProductShape& s,
                               int64_t rows, int64_t columns, int64_t width) {
  for (int64_t j = 0; j < columns; j++) {
    float* to = c + j * s.c_row;
    for (int64_t i = 0; i < rows; i++) {
      float value = s.alpha * sums[i * width + j];
      if (s.beta != 0) value += s.beta * to[i];
      if (bias) value += bias[i];
      to[i] = s.relu && value < 0 ? 0 : value;
    }
  }
}

}  // namespace

int64_t threads_for(const ProductShape& s, int threads) {
  const bool small = double(s.rows) * double(s.columns) * double(s.depth) < 65536;
  return small ? 1 : threads ? threads : workers();
}

Product::Product(const ProductShape& shape, int threads)
    : given_(shape), shape_(shape), kernels_(product::kernels()), kernel_(&kernels_->wide) {
  // Rows along k of a are read without packing, so the large operand should be a.
  transposed_ = shape.b_step == 1 && shape.b_column != 1 && shape.columns >= shape.rows;
  if (transposed_) {
    std::swap(shape_.rows, shape_.columns);
    shape_.a_row = shape.b_column, shape_.a_step = shape.b_step;
    shape_.b_step = shape.a_step, shape_.b_column = shape.a_row;
  }
  if (transposed_ && shape.rows <= Dots<float>::kRows && shape.a_step == 1) dots_.emplace(shape, threads);
  by_columns_ = !transposed_ && shape_.columns > shape_.rows;
  if (!by_columns_ && shape_.columns <= kernels_->narrow.width) kernel_ = &kernels_->narrow;
  threads_ = threads_for(shape, threads);
  depth_block_ = up(shape.depth, up(shape.depth, kDepth));
  row_block_ = round_up(96, kernel_->rows);
  column_block_ = 256;
  if (by_columns_)  // enough pieces for all threads
    column_block_ = std::min(column_block_, round_up(up(shape_.columns, 2 * threads_), kernel_->width));
}

std::string Product::describe() const {
  return dots_ ? dots_->describe() : std::string("product:") + kernels_->isa;
}

size_t Product::scratch_bytes() const {
  if (dots_) return 0;
  const int64_t rows = round_up(shape_.rows, kernel_->rows),
                columns = round_up(shape_.columns, kernel_->width);
  const int64_t a_block = row_block_ * depth_block_, c_block = row_block_ * column_block_;
  const int64_t floats = by_columns_
                             ? round_up(rows * shape_.depth, 16) + threads_ * depth_block_ * column_block_
                             : round_up(columns * shape_.depth, 16) + threads_ * (a_block + c_block);
  return size_t(floats) * sizeof(float);
}

void Product::run(float* c, const float* a, const float* b, const float* bias, void* scratch) const {
  if (dots_) return dots_->run(c, a, b, bias);
  if (transposed_) std::swap(a, b);
  auto* floats = static_cast<float*>(scratch);
  by_columns_ ? by_columns(c, a, b, bias, floats) : by_rows(c, a, b, bias, floats);
}

// b, the smaller, is packed whole; then each thread has its rows of a.
void Product::by_rows(float* c, const float* a, const float* b, const float* bias, float* scratch) const {
  const auto& s = shape_;
  const int64_t width = kernel_->width, unit = kernel_->rows;
  const int64_t panels = up(s.columns, width), columns = panels * width, depths = up(s.depth, depth_block_);
  const int64_t own = row_block_ * (depth_block_ + column_block_);
  float *packed = scratch, *of_threads = scratch + round_up(columns * s.depth, 16);

  each_worker(threads_, depths * panels, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t k = i / panels * depth_block_, j = i % panels * width;
      const int64_t depth = std::min(depth_block_, s.depth - k);
      pack(packed + k * columns + j * depth, b + k * s.b_step + j * s.b_column, depth,
           std::min(width, s.columns - j), width, s.b_step, s.b_column);
    }
  });

  each_worker(threads_, up(s.rows, unit), [&](int64_t worker, int64_t first, int64_t last) {
    float *a_block = of_threads + worker * own, *sums = a_block + row_block_ * depth_block_;
    last = std::min(last * unit, s.rows);
    for (int64_t i = first * unit; i < last; i += row_block_) {
      const int64_t rows = std::min(row_block_, last - i);
      for (int64_t j = 0; j < s.columns; j += column_block_) {
        const int64_t wide = std::min(column_block_, s.columns - j);
        for (int64_t k = 0; k < s.depth; k += depth_block_) {
          const int64_t depth = std::min(depth_block_, s.depth - k);
          const bool start = k == 0, end = k + depth == s.depth;
          Tile tile{.c = nullptr,
                    .c_row = transposed_ ? column_block_ : s.c_row,
                    .a = nullptr,
                    .a_row = s.a_row,
                    .a_step = s.a_step,
                    .b = nullptr,
                    .depth = depth,
                    .columns = 0,
                    .alpha = transposed_ ? 1 : s.alpha,
                    .beta = !start        ? 1
                            : transposed_ ? 0
                                          : s.beta,
                    .bias = nullptr,
                    .relu = end && !transposed_ && s.relu};
          const bool direct = s.a_step == 1;
          if (!direct) {
            pack(a_block, a + i * s.a_row + k * s.a_step, depth, rows, unit, s.a_step, s.a_row);
            tile.a_row = 1, tile.a_step = unit;
          }
          for (int64_t column = 0; column < wide; column += width) {
            tile.b = packed + k * columns + (j + column) * depth;
            tile.columns = std::min(width, wide - column);
            if (end && !transposed_ && bias) tile.bias = bias + j + column;
            for (int64_t r = 0; r < rows; r += unit) {
              const int64_t count = std::min(unit, rows - r);
              tile.a = direct ? a + (i + r) * s.a_row + k : a_block + r * depth;
              tile.c = transposed_ ? sums + r * column_block_ + column : c + (i + r) * s.c_row + j + column;
              // The next rows are far away and in short runs, which hardware does not prefetch.
              if (direct && column == 0)
                for (int64_t n = r + unit; n < std::min(r + 2 * unit, rows); n++)
                  for (int64_t at = 0; at < depth; at += 16)
                    __builtin_prefetch(a + (i + n) * s.a_row + k + at);
              kernel_->run(tile, int(count));
            }
          }
        }
        if (transposed_)
          transpose(c + j * given_.c_row + i, sums, bias ? bias + i : nullptr, given_, rows, wide,
                    column_block_);
      }
    }
  });
}

// a, the smaller, is packed whole; then each thread has its columns of b, and packs them piece by piece.
void Product::by_columns(float* c, const float* a, const float* b, const float* bias, float* scratch) const {
  const auto& s = shape_;
  const int64_t width = kernel_->width, unit = kernel_->rows;
  const int64_t groups = up(s.rows, unit), rows = groups * unit, depths = up(s.depth, depth_block_);
  float *packed = scratch, *of_threads = scratch + round_up(rows * s.depth, 16);

  each_worker(threads_, depths * groups, [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n++) {
      const int64_t k = n / groups * depth_block_, i = n % groups * unit;
      const int64_t depth = std::min(depth_block_, s.depth - k);
      pack(packed + k * rows + i * depth, a + i * s.a_row + k * s.a_step, depth, std::min(unit, s.rows - i),
           unit, s.a_step, s.a_row);
    }
  });

  each_worker(threads_, up(s.columns, column_block_), [&](int64_t worker, int64_t first, int64_t last) {
    float* b_block = of_threads + worker * depth_block_ * column_block_;
    for (int64_t j = first * column_block_; j < std::min(last * column_block_, s.columns);
         j += column_block_) {
      const int64_t wide = std::min(column_block_, s.columns - j);
      for (int64_t k = 0; k < s.depth; k += depth_block_) {
        const int64_t depth = std::min(depth_block_, s.depth - k);
        const bool end = k + depth == s.depth;
        pack(b_block, b + k * s.b_step + j * s.b_column, depth, wide, width, s.b_step, s.b_column);
        for (int64_t i = 0; i < s.rows; i += row_block_)
          for (int64_t r = i; r < std::min(i + row_block_, s.rows); r += unit)
            for (int64_t column = 0; column < wide; column += width)
              kernel_->run({.c = c + r * s.c_row + j + column,
                            .c_row = s.c_row,
                            .a = packed + k * rows + r * depth,
                            .a_row = 1,
                            .a_step = unit,
                            .b = b_block + column * depth,
                            .depth = depth,
                            .columns = std::min(width, wide - column),
                            .alpha = s.alpha,
                            .beta = k == 0 ? s.beta : 1,
                            .bias = end && bias ? bias + j + column : nullptr,
                            .relu = end && s.relu},
                           int(std::min(unit, s.rows - r)));
      }
    }
  });
}

}  // namespace alexnode::cpu
