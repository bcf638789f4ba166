// Biases, their gradients, and ReLU's bits, for rows of columns: [N, O], or an NHWC image's pixels of
// channels.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// y = relu(y + b), in place; without b, or without ReLU, the rest of it. Threads take `pack` numbers of y at
/// a time, which divides a row. With `mask`, pack is 8 and each number's bit says if y is above 0.
struct BiasRelu {
  void* y;
  const float* b;
  u8* mask;
  i64 packs;         // in all
  u32 packs_in_row;  // of y
  u32 pack, relu;
};

/// sums[j] = Σ x[i][j] over the rows i. One block sums a stripe of 32 columns over one chunk of the rows, and
/// with more than one chunk column_sums_end adds what they leave in `partial`, always in the same order.
struct ColumnSums {
  const void* x;
  float *sums, *partial;
  i64 rows, columns, rows_in_chunk;
  u32 chunks;
};
inline constexpr int kStripe = 32, kStripeRows = 8;

/// x = 0 where its bit of `mask` is 0, eight numbers per thread.
struct BitCut {
  void* x;
  const u8* mask;
  i64 bytes;  // of the mask
};

/// y = x, made f32.
struct Widen {
  float* y;
  const void* x;
  i64 count;
};

}  // namespace alexnode::cuda
