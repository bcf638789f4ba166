// The product of two f32 matrices, for the fully connected layers and gemm. oneDNN's sgemm allocates at every
// call, and is half as fast if the second matrix is the larger one (dense_backward_data).
//
// Method: Goto & van de Geijn 2008. Pieces of the operands are packed into panels that fit the caches, and
// register blocks of c are summed over them. The weights of a layer, the one large operand, are read from
// memory once, in whichever direction they lie.
//
// Nothing here allocates while it runs: the caller gives scratch memory, 64-byte aligned. Results are the
// same bits for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cpu/product/dots.h"
#include "cpu/product/shape.h"

namespace alexnode::cpu {

namespace product {
struct Kernel;
}  // namespace product

class Product {
 public:
  explicit Product(const ProductShape& shape, int threads = 0);  // 0: OpenMP's default
  size_t scratch_bytes() const;
  std::string describe() const;
  /// bias may be null.
  void run(float* c, const float* a, const float* b, const float* bias, void* scratch) const;

 private:
  void by_rows(float* c, const float* a, const float* b, const float* bias, float* scratch) const;
  void by_columns(float* c, const float* a, const float* b, const float* bias, float* scratch) const;

  ProductShape given_, shape_;  // as given, and as computed: transposed if that is better
  bool transposed_, by_columns_;
  std::optional<Dots<float>> dots_;
  const product::Kernels* kernels_;
  const product::Kernel* kernel_;
  int64_t threads_, depth_block_, row_block_, column_block_;
};

}  // namespace alexnode::cpu
