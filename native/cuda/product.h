// One matrix product by cublasLt, with a bias, ReLU, ReLU's derivative or the bias's gradient fused into it
// if cublasLt offers that.
#pragma once
#include <cstdint>
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

/// The epilogue of the product. bias: a vector is added to each column of d. sums_a, sums_b: the vector
/// becomes op(a)'s sums over k, or op(b)'s. …_bits: the ReLU's bits are written, a column of d after another,
/// with m a multiple of 128. cut: d is 0 where such bits are.
enum class Beside { nothing, bias, bias_relu, bias_relu_bits, relu, relu_bits, cut, sums_a, sums_b };

class Product {
 public:
  virtual ~Product() = default;
  /// `vector` and `bits` are for the epilogues that have them.
  virtual void run(const Launch& launch, void* d, const void* a, const void* b, float* vector, uint8_t* bits,
                   const Args& args) const = 0;
};

/// Null if cublasLt has no product with this epilogue; throws if it has none without an epilogue.
std::shared_ptr<const Product> make_product(const ProductShape& shape, Beside beside, const Target& target,
                                            Scratch& scratch);

}  // namespace alexnode::cuda
