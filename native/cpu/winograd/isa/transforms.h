// The one-dimensional transforms, from the matrices of matrices.h: x to matrix x, and to matrix^T x. Zero
// coefficients cost nothing, and the rows of a pair of points share their sums.
#pragma once

#include "cpu/winograd/isa/vectors.h"
#include "cpu/winograd/matrices.h"

namespace alexnode::cpu::winograd {
namespace {

template <int M, int R>
struct A {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::a(i, j); }
};
template <int M, int R>
struct B {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::b(i, j); }
};
template <int M, int R>
struct G {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::g(i, j); }
};

template <double Coefficient>
WINOGRAD_INLINE Vec times(Vec x) {
  if constexpr (Coefficient == 1)
    return x;
  else
    return x * float(Coefficient);
}

template <class Matrix, int I, int From, int End, int Step>
constexpr bool any() {
  for (int j = From; j < End; j += Step) {
    if (Matrix::at(I, j) != 0) return true;
  }
  return false;
}

// Sum over j = From, From + Step, ... < End of matrix[I][j] x[j]; zero coefficients cost nothing.
template <class Matrix, int I, int From, int End, int Step>
WINOGRAD_INLINE Vec dot(const Vec* x) {
  if constexpr (From >= End)
    return Vec{};
  else if constexpr (Matrix::at(I, From) == 0)
    return dot<Matrix, I, From + Step, End, Step>(x);
  else if constexpr (!any<Matrix, I, From + Step, End, Step>())
    return times<Matrix::at(I, From)>(x[From]);
  else
    return times<Matrix::at(I, From)>(x[From]) + dot<Matrix, I, From + Step, End, Step>(x);
}

// y[Size] = matrix x[Columns]. The rows of a pair of points share their even and their odd parts.
template <class Matrix, int Size, int Columns, int I = 0>
WINOGRAD_INLINE void expand(Vec* y, const Vec* x) {
  if constexpr (I == 0 || I == Size - 1 || !Matrix::paired) {
    y[I] = dot<Matrix, I, 0, Columns, 1>(x);
    if constexpr (I < Size - 1) expand<Matrix, Size, Columns, I + 1>(y, x);
  } else {
    const Vec even = dot<Matrix, I, 0, Columns, 2>(x), odd = dot<Matrix, I, 1, Columns, 2>(x);
    y[I] = even + odd;
    y[I + 1] = even - odd;
    expand<Matrix, Size, Columns, I + 2>(y, x);
  }
}

// Column J of a matrix as a row, over all points, or over 0, the positive points and infinity.
template <class Matrix>
struct Transposed {
  static constexpr double at(int j, int i) { return Matrix::at(i, j); }
};
template <class Matrix>
struct Halved {
  static constexpr double at(int j, int i) { return i == 0 ? Matrix::at(0, j) : Matrix::at(2 * i - 1, j); }
};

// y[j] = row j of Rows times x: `even` for even j, `odd` for odd j.
template <class Rows, int Size, int Columns, int J = 0>
WINOGRAD_INLINE void columns(Vec* y, const Vec* even, const Vec* odd) {
  if constexpr (J < Columns) {
    y[J] = dot<Rows, J, 0, Size, 1>(J % 2 ? odd : even);
    columns<Rows, Size, Columns, J + 1>(y, even, odd);
  }
}

// y[Columns] = matrix^T x[Size].
template <class Matrix, int Size, int Columns>
WINOGRAD_INLINE void contract(Vec* y, const Vec* x) {
  if constexpr (Matrix::paired) {
    constexpr int half = Size / 2;
    Vec even[half + 1], odd[half + 1];
    even[0] = odd[0] = x[0];
    even[half] = odd[half] = x[Size - 1];
#pragma GCC unroll 4
    for (int i = 1; i < half; ++i) {
      even[i] = x[2 * i - 1] + x[2 * i];
      odd[i] = x[2 * i - 1] - x[2 * i];
    }
    columns<Halved<Matrix>, half + 1, Columns>(y, even, odd);
  } else {
    columns<Transposed<Matrix>, Size, Columns>(y, x, x);
  }
}

}  // namespace
}  // namespace alexnode::cpu::winograd
