// What one instruction set provides to the matrix product: a block of c held in registers.
#pragma once

#include <cstdint>

namespace alexnode::cpu::product {

/// c[r][j] = alpha * sum over k of a[r][k] b[k][j] + beta * c[r][j] + bias[j], negative values cut when relu.
/// With beta 0 what c held does not matter.
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

struct Kernels {
  const char* isa;
  Kernel narrow, wide;
  /// c[r] = sum over k of a[r * row + k] b[k].
  void (*dot)(float* c, const float* a, int64_t row, const float* b, int64_t depth, int64_t rows);
};

// Null when not on this kind of processor.
const Kernels* portable();
const Kernels* avx2();
const Kernels* avx512();

}  // namespace alexnode::cpu::product
