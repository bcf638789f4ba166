// Biases and ReLU masks around a library's product, for convolution and dense layers.
#pragma once
#include <cstdint>

#include "cuda/kernel.h"
#include "cuda/kernels/bias.h"
#include "cuda/scratch.h"

namespace alexnode::cuda {

/// y [rows, columns] = relu(y + b) in place. `masked`: the ReLU's bits are written too, of whole bytes a row.
class BiasRelus {
 public:
  BiasRelus(const Target& target, DType dtype, int64_t rows, int64_t columns, bool relu, bool masked = false);
  void run(const Launch& launch, void* y, const float* b, uint8_t* mask = nullptr) const;

 private:
  CUfunction function_;
  Extent blocks_;
  BiasRelu params_{};
};

/// x [count] = 0 in place where its bit is 0.
class BitCuts {
 public:
  BitCuts(const Target& target, DType dtype, int64_t count);
  void run(const Launch& launch, void* x, const uint8_t* mask) const;

 private:
  CUfunction function_;
  Extent blocks_;
  int64_t bytes_;
};

/// db [columns] = sums over the rows of dy [rows, columns], in f32 and in a fixed order.
class BiasGradients {
 public:
  BiasGradients(const Target& target, DType dtype, int64_t rows, int64_t columns, Scratch& scratch);
  void run(const Launch& launch, float* db, const void* dy, const Args& args) const;

 private:
  CUfunction function_, end_ = nullptr;
  Extent stripes_, blocks_;
  ColumnSums params_{};
  size_t partial_ = 0;  // where in scratch
};

/// y [count] f32 = x in another float type.
class Widening {
 public:
  Widening(const Target& target, DType from, int64_t count);
  void run(const Launch& launch, float* y, const void* x) const;

 private:
  CUfunction function_;
  Extent blocks_;
  int64_t count_;
};

}  // namespace alexnode::cuda
