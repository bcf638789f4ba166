// The product where c has few rows, such as a layer's for few images: b, the weights, is read from memory
// once, and little else takes time. Both operands lie along k. The sums are in f32 whatever b is stored in.
#pragma once

#include <cstdint>
#include <string>

#include "cpu/product/shape.h"
#include "dtype.h"

namespace alexnode::cpu {

namespace product {
struct Kernels;
}  // namespace product

/// Of ProductShape a_step and b_step are 1. T is what b and c are stored in.
template <class T>
class Dots {
 public:
  explicit Dots(const ProductShape& shape, int threads = 0);
  /// Up to so many rows of c this is the fastest way.
  static constexpr int64_t kRows = sizeof(T) == sizeof(float) ? 8 : 2;
  std::string describe() const;
  /// bias may be null.
  void run(T* c, const float* a, const T* b, const float* bias) const;

 private:
  ProductShape shape_;
  const product::Kernels* kernels_;
  int64_t threads_;
};

}  // namespace alexnode::cpu
