#pragma once

#include <cstdint>

namespace alexnode::cpu {

/// c[i][j] = alpha * sum over k of a[i][k] b[k][j] + beta * c[i][j] + bias[j], negative values cut when relu.
struct ProductShape {
  int64_t rows, columns, depth;
  int64_t c_row;  // strides, in floats; of a row of c 1
  int64_t a_row, a_step;
  int64_t b_step, b_column;
  float alpha = 1, beta = 0;
  bool relu = false;
};

/// How many threads it is worth: `threads`, or with 0 OpenMP's default.
int64_t threads_for(const ProductShape& shape, int threads);

}  // namespace alexnode::cpu
