// What one instruction set provides to the matrix product: a block of c held in registers, and for few rows
// sums that run along the rows of both operands.
#pragma once

#include <cstdint>

namespace alexnode::cpu::product {

/// c[r][j] = alpha * sum over k of a[r][k] b[k][j] + beta * c[r][j] + bias[j], negative values cut when relu.
/// With beta 0 the old c is not read.
struct Tile {
  float* c;
  int64_t c_row;  // strides, in floats
  const float* a;
  int64_t a_row, a_step;
  const float* b;  // a panel: b[k] is as many floats as the panel is wide
  int64_t depth, columns;
  float alpha, beta;
  const float* bias;  // may be null
  bool relu;
};

/// For panels of `width` columns, up to `rows` rows at once.
struct Kernel {
  int width, rows;
  void (*run)(const Tile& tile, int rows);
};

/// sums[r * images + n] = sum over k of w[r * w_row + k] x[n * x_row + k]. T is float, or uint16_t for bf16.
template <class T>
struct Strip {
  float* sums;
  const T* w;
  int64_t w_row, rows;
  int64_t left;  // as many as these rows and those that follow
  const float* x;
  int64_t x_row, images, depth;
};

struct Kernels {
  const char* isa;
  Kernel narrow, wide;
  void (*dots_f32)(const Strip<float>& s);
  void (*dots_bf16)(const Strip<uint16_t>& s);
};

// Null when not on this kind of processor.
const Kernels* portable();
const Kernels* avx2();
const Kernels* avx512();

/// Those of the largest set that this machine has.
const Kernels* kernels();

}  // namespace alexnode::cpu::product
