// The Toom-Cook matrices of Winograd convolution, worked out at compile time from a few interpolation points.
//
// One dimension, M outputs of a correlation with R taps over S = M + R - 1 inputs: y = A^T [(G w) * (B^T x)].
// Rows of A, G and B^T belong to the points 0, +p, -p, ..., infinity, so that rows 2i+1 and 2i+2 differ only
// in the sign of their odd columns. Method: Lavin & Gray, arXiv:1509.09308; the derivation: Blahut, "Fast
// Algorithms for Signal Processing", chapter 5. The points were chosen by measured error: 3/4 and 3/2 halve
// that of 1 and 2.
#pragma once

#include <array>

namespace alexnode::cpu {

template <int M, int R>
struct Toom {
  static constexpr int size = M + R - 1;
  static constexpr int finite = size - 1;
  static_assert(size >= 6 && size <= 8);
  static constexpr bool paired = size % 2 == 0;

  static constexpr std::array<double, finite> points() {
    if constexpr (size == 6)
      return {0, 0.75, -0.75, 1.5, -1.5};
    else if constexpr (size == 7)
      return {0, 0.5, -0.5, 1.125, -1.125, 2.5};
    else
      return {0, 0.5, -0.5, 1, -1, 2, -2};
  }

  // A[i][j], [size, M]: the powers of each point.
  static constexpr double a(int i, int j) {
    if (i == finite) return j == M - 1;
    return power(points()[i], j);
  }

  // G[i][j], [size, R].
  static constexpr double g(int i, int j) {
    if (i == finite) return j == R - 1;
    double scale = 1;
    for (int q = 0; q < finite; ++q) {
      if (q != i) scale *= points()[i] - points()[q];
    }
    return power(points()[i], j) / scale;
  }

  // B^T[i][j], [size, size]: the coefficients of the product of (x - q) over the other finite points q.
  static constexpr double b(int i, int j) {
    std::array<double, size + 1> product{1};
    int degree = 0;
    for (int q = 0; q < finite; ++q) {
      if (q == i) continue;
      ++degree;
      for (int d = degree; d > 0; --d) product[d] = product[d - 1] - points()[q] * product[d];
      product[0] *= -points()[q];
    }
    return product[j];
  }

 private:
  static constexpr double power(double x, int n) {
    double result = 1;
    for (int i = 0; i < n; ++i) result *= x;
    return result;
  }
};

}  // namespace alexnode::cpu
