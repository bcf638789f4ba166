// One matrix product by cublasLt, with a bias, ReLU or the bias's gradient inside where cublasLt offers that.
#pragma once
#include <memory>

#include "cuda/kernel.h"
#include "cuda/scratch.h"

namespace alexnode::cuda {

/// d [m, n] = alpha · op(a) · op(b) + beta · d, each matrix column by column, as cublasLt has them: a
/// row-major matrix is its own transpose.
struct ProductShape {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
  int64_t a_ld, b_ld, d_ld;
  DType inputs, output;
  float alpha = 1, beta = 0;
};

/// What is done with a vector beside the product. bias: it is added to each column of d. sums_a, sums_b: it
/// becomes op(a)'s sums over k, or op(b)'s.
enum class Beside { nothing, bias, bias_relu, relu, sums_a, sums_b };

class Product {
 public:
  virtual ~Product() = default;
  virtual void run(const Launch& launch, void* d, const void* a, const void* b, float* vector,
                   const Args& args) const = 0;
};

/// Null where cublasLt has no product with that beside it; without anything beside it, throws.
std::shared_ptr<const Product> make_product(const ProductShape& shape, Beside beside, const Target& target,
                                            Scratch& scratch);

}  // namespace alexnode::cuda
