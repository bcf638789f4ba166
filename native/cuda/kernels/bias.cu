#include "cuda/kernels/bias.h"
#include "cuda/kernels/device.cuh"

namespace alexnode::cuda {

// Tensors begin at multiples of 16 bytes.
template <class T, int kPack>
struct alignas(sizeof(T) * kPack < 16 ? sizeof(T) * kPack : 16) Pack {
  T at[kPack];
};

template <class T, int kPack>
ALEXNODE_DEVICE void bias_relu(const BiasRelu& p) {
  auto* y = static_cast<Pack<T, kPack>*>(p.y);
  for (i64 i = first_index(); i < p.packs; i += index_step()) {
    auto numbers = y[i];
    const u32 column = (p.packs < 0x80000000 ? u32(i) % p.packs_in_row : u32(i % p.packs_in_row)) * kPack;
    u32 bits = 0;
    for (int j = 0; j < kPack; j++) {
      float value = numbers.at[j];
      if (p.b) value += p.b[column + j];
      // NaN stays NaN, so that it is noticed.
      if (p.relu && value < 0) value = 0;
      bits |= u32(!(value <= 0)) << j;
      numbers.at[j] = T(value);
    }
    y[i] = numbers;
    if (p.mask) p.mask[i] = u8(bits);
  }
}

#define ALEXNODE_BIAS_RELU(name, T)             \
  ALEXNODE_KERNEL(bias_relu_##name, BiasRelu) { \
    constexpr int kWhole = 16 / int(sizeof(T)); \
    if (p.mask)                                 \
      bias_relu<T, 8>(p);                       \
    else if (p.pack == kWhole)                  \
      bias_relu<T, kWhole>(p);                  \
    else                                        \
      bias_relu<T, 1>(p);                       \
  }
ALEXNODE_FLOATS(ALEXNODE_BIAS_RELU)

template <class T>
ALEXNODE_DEVICE void bit_cut(const BitCut& p) {
  auto* x = static_cast<Pack<T, 8>*>(p.x);
  for (i64 i = first_index(); i < p.bytes; i += index_step()) {
    auto numbers = x[i];
    for (int j = 0; j < 8; j++)
      if (!(p.mask[i] >> j & 1)) numbers.at[j] = T(0.f);
    x[i] = numbers;
  }
}

#define ALEXNODE_BIT_CUT(name, T) \
  ALEXNODE_KERNEL(bit_cut_##name, BitCut) { bit_cut<T>(p); }
ALEXNODE_FLOATS(ALEXNODE_BIT_CUT)

template <class T>
ALEXNODE_DEVICE float stripe_sum(const ColumnSums& p, i64 column) {
  const auto* x = static_cast<const T*>(p.x);
  const i64 begin = i64(blockIdx.y) * p.rows_in_chunk;
  const i64 end = begin + p.rows_in_chunk < p.rows ? begin + p.rows_in_chunk : p.rows;
  float sum = 0;
  if (column < p.columns)
    for (i64 row = begin + threadIdx.y; row < end; row += kStripeRows)
      sum += float(x[row * p.columns + column]);
  return sum;
}

#define ALEXNODE_COLUMN_SUMS(name, T)                                                  \
  ALEXNODE_KERNEL(column_sums_##name, ColumnSums) {                                    \
    __shared__ float sums[kStripeRows][kStripe];                                       \
    const i64 column = i64(blockIdx.x) * kStripe + threadIdx.x;                        \
    sums[threadIdx.y][threadIdx.x] = stripe_sum<T>(p, column);                         \
    __syncthreads();                                                                   \
    if (threadIdx.y == 0 && column < p.columns) {                                      \
      float sum = 0;                                                                   \
      for (int i = 0; i < kStripeRows; i++) sum += sums[i][threadIdx.x];               \
      (p.chunks > 1 ? p.partial + i64(blockIdx.y) * p.columns : p.sums)[column] = sum; \
    }                                                                                  \
  }
ALEXNODE_FLOATS(ALEXNODE_COLUMN_SUMS)

ALEXNODE_KERNEL(column_sums_end, ColumnSums) {
  for (i64 column = first_index(); column < p.columns; column += index_step()) {
    float sum = 0;
    for (u32 i = 0; i < p.chunks; i++) sum += p.partial[i * p.columns + column];
    p.sums[column] = sum;
  }
}

#define ALEXNODE_WIDEN(name, T)                                                       \
  ALEXNODE_KERNEL(widen_##name, Widen) {                                              \
    const auto* x = static_cast<const T*>(p.x);                                       \
    for (i64 i = first_index(); i < p.count; i += index_step()) p.y[i] = float(x[i]); \
  }
ALEXNODE_FLOATS(ALEXNODE_WIDEN)

}  // namespace alexnode::cuda
