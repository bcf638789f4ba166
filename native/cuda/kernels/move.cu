// reorder, copy_channels, fill.
#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/move.h"

namespace alexnode::cuda {

/// Writes are in memory order; scattered reads share the cache.
template <class To, class From>
ALEXNODE_DEVICE void reorder(const ReorderParams& p) {
  const auto* x = static_cast<const From*>(p.x);
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    i64 rest = i, from = 0, index[ReorderParams::kPadded] = {};
    const ReorderParams::Part* part = p.part;
    for (int d = 0; d < p.digits; d++) {
      const auto& digit = p.digit[d];
      const i64 value = take(rest, digit.size);
      for (const auto* end = part + digit.parts; part != end; part++) {
        i64 share = part->unit == 1 ? value : quotient(value, part->unit);
        if (part->size) share -= quotient(share, part->size) * part->size;
        from += share * part->stride;
      }
      if (p.padded) {
#pragma unroll
        for (int k = 0; k < ReorderParams::kPadded; k++) index[k] += value * digit.steps[k];
      }
    }
    bool inside = true;
#pragma unroll
    for (int k = 0; k < ReorderParams::kPadded; k++) inside &= k >= p.padded || index[k] < p.length[k];
    static_cast<To*>(p.y)[i] = inside ? To(float(x[from])) : To(0.f);
  }
}

/// Tiles go through shared memory, so that both reads and writes are of neighbours. The odd length of a row
/// keeps a column's elements in different banks.
template <class To, class From>
ALEXNODE_DEVICE void transpose(const TransposeParams& p) {
  constexpr int kTile = TransposeParams::kTile, kWarps = 8;
  __shared__ float tile[kTile][kTile + 1];
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const i64 down = (p.rows + kTile - 1) / kTile, across = (p.columns + kTile - 1) / kTile;
  for (i64 t = blockIdx.x; t < p.batches * down * across; t += gridDim.x) {
    i64 batch = t;
    const i64 column = take(batch, across) * kTile, row = take(batch, down) * kTile;
    const auto* x = static_cast<const From*>(p.x) + batch * p.batch_stride;
    auto* y = static_cast<To*>(p.y) + batch * p.rows * p.columns;
#pragma unroll
    for (int r = 0; r < kTile; r += kWarps)
#pragma unroll
      for (int c = 0; c < kTile; c += 32)
        if (row + r + warp < p.rows && column + c + lane < p.columns)
          tile[r + warp][c + lane] = x[(row + r + warp) * p.row_stride + column + c + lane];
    __syncthreads();
#pragma unroll
    for (int c = 0; c < kTile; c += kWarps)
#pragma unroll
      for (int r = 0; r < kTile; r += 32)
        if (row + r + lane < p.rows && column + c + warp < p.columns)
          y[(column + c + warp) * p.rows + row + r + lane] = To(tile[r + lane][c + warp]);
    __syncthreads();
  }
}

template <class To, class From>
ALEXNODE_DEVICE void convert(const ConvertParams& p) {
  constexpr int kSome = 16 / int(sizeof(To) > sizeof(From) ? sizeof(To) : sizeof(From));
  auto* y = static_cast<To*>(p.y);
  const auto* x = static_cast<const From*>(p.x);
  const bool whole = aligned(y, kSome * int(sizeof(To))) && aligned(x, kSome * int(sizeof(From)));
  for (i64 i = first_index() * kSome; i < p.count; i += index_step() * kSome) {
    if (whole && i + kSome <= p.count) {
      const auto from = *reinterpret_cast<const Lanes<From, kSome>*>(x + i);
      Lanes<To, kSome> to;
#pragma unroll
      for (int k = 0; k < kSome; k++) to.lane[k] = To(float(from.lane[k]));
      put(y + i, to);
    } else {
      for (i64 k = i; k < i + kSome && k < p.count; k++) y[k] = To(float(x[k]));
    }
  }
}

template <class Unit>
ALEXNODE_DEVICE void copy_rows(const CopyRowsParams& p) {
  for (i64 i = first_index(); i < p.rows * p.run; i += index_step()) {
    i64 row = i;
    const i64 at = take(row, p.run);
    static_cast<Unit*>(p.y)[row * p.y_step + at] = static_cast<const Unit*>(p.x)[row * p.x_step + at];
  }
}

template <class T>
ALEXNODE_DEVICE void copy_channels(const CopyChannelsParams& p) {
  for (i64 i = first_index(); i < p.to.n * p.channels * p.to.pixels; i += index_step()) {
    i64 image = i;
    const i64 pixel = take(image, p.to.pixels), channel = take(image, p.channels);
    static_cast<T*>(p.y)[place(p.to, image, p.first_to + channel, pixel)] =
        static_cast<const T*>(p.x)[place(p.from, image, p.first_from + channel, pixel)];
  }
}

/// `word` is the pattern of four bytes; tensors begin at multiples of four.
ALEXNODE_DEVICE void fill(const FillParams& p, u32 word) {
  auto* y = static_cast<u8*>(p.y);
  const bool whole = aligned(y, 16);
  for (i64 i = first_index() * 16; i < p.bytes; i += index_step() * 16) {
    if (whole && i + 16 <= p.bytes)
      put(reinterpret_cast<u32*>(y + i), Lanes<u32, 4>{{word, word, word, word}});
    else
      for (i64 k = i; k < i + 16 && k < p.bytes; k++) y[k] = u8(word >> k % 4 * 8);
  }
}

#define KERNELS(name, To, From)                                                  \
  ALEXNODE_KERNEL(reorder_##name, ReorderParams) { reorder<To, From>(p); }       \
  ALEXNODE_KERNEL(transpose_##name, TransposeParams) { transpose<To, From>(p); } \
  ALEXNODE_KERNEL(convert_##name, ConvertParams) { convert<To, From>(p); }
#define FROM_EACH(To) \
  KERNELS(To##_f32, To, f32) KERNELS(To##_bf16, To, bf16) KERNELS(To##_f16, To, f16) KERNELS(To##_u8, To, u8)
FROM_EACH(f32)
FROM_EACH(bf16)
FROM_EACH(f16)

ALEXNODE_KERNEL(copy_rows_16, CopyRowsParams) { copy_rows<Lanes<u32, 4>>(p); }
ALEXNODE_KERNEL(copy_rows_4, CopyRowsParams) { copy_rows<u32>(p); }
ALEXNODE_KERNEL(copy_rows_2, CopyRowsParams) { copy_rows<u16>(p); }
ALEXNODE_KERNEL(copy_channels_4, CopyChannelsParams) { copy_channels<u32>(p); }
ALEXNODE_KERNEL(copy_channels_2, CopyChannelsParams) { copy_channels<u16>(p); }

ALEXNODE_KERNEL(fill_f32, FillParams) { fill(p, to_bits(p.value)); }
ALEXNODE_KERNEL(fill_bf16, FillParams) { fill(p, bf16(p.value).bits * 0x10001u); }
ALEXNODE_KERNEL(fill_f16, FillParams) { fill(p, f16(p.value).bits * 0x10001u); }
ALEXNODE_KERNEL(fill_word, FillParams) { fill(p, p.word); }

}  // namespace alexnode::cuda
