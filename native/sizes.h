// Sizes are products of numbers that come from outside. All are multiplied here, so that none wraps around.
#pragma once
#include <cstdint>

#include "error.h"

namespace alexnode {

/// Elements of a tensor in memory, padding included, at most: what is computed from a few such sizes, in
/// bytes, fits in 64 bits.
inline constexpr int64_t kMostElements = int64_t(1) << 40;
/// Rows, columns, windows and strides, at most: tables of them stay small, and two of them fit in 64 bits.
inline constexpr int64_t kMostAxis = int64_t(1) << 20;

/// A size above kMostElements.
class TooLarge : public Error {
 public:
  TooLarge() : Error("[memory] expected at most 2^40 elements, got more: use smaller shapes") {}
};

/// a · b, both of 0 or more.
inline int64_t product(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result) || result > kMostElements) throw TooLarge();
  return result;
}
template <class... Sizes>
int64_t product(int64_t a, int64_t b, Sizes... rest) {
  return product(product(a, b), rest...);
}

/// The least multiple of `unit` from `size` on.
inline int64_t round_up(int64_t size, int64_t unit) { return product((size - 1) / unit + 1, unit); }

}  // namespace alexnode
