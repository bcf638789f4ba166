// Shared by kernels that walk over a tensor in memory order: an element's number split into its indices.
#pragma once
#include "cuda/kernels/lanes.cuh"

namespace alexnode::cuda {

/// N elements, loaded at once if `whole`: if their place is a multiple of their size.
template <int N, class T>
ALEXNODE_DEVICE Lanes<T, N> load(const T* at, bool whole) {
  if (whole) return *reinterpret_cast<const Lanes<T, N>*>(at);
  Lanes<T, N> lanes;
#pragma unroll
  for (int l = 0; l < N; l++) lanes.lane[l] = at[l];
  return lanes;
}
template <int N, class T>
ALEXNODE_DEVICE void store(T* at, const Lanes<T, N>& lanes, bool whole) {
  if (whole) return put(at, lanes);
#pragma unroll
  for (int l = 0; l < N; l++) at[l] = lanes.lane[l];
}

/// a / b of numbers that are not negative. Most have 32 bits, and their division takes a fifth of the time.
ALEXNODE_DEVICE i64 quotient(i64 a, i64 b) { return (u64(a) | u64(b)) >> 32 ? a / b : i64(u32(a) / u32(b)); }
/// The last digit of `number`, one of `size` values; `number` becomes what is before it.
ALEXNODE_DEVICE i64 take(i64& number, i64 size) {
  const i64 before = quotient(number, size), digit = number - before * size;
  number = before;
  return digit;
}

/// N channels of one pixel that lie side by side.
struct Chunk {
  i64 image, channel, pixel;
};

/// Chunk number i of a tensor, in the order of memory; N divides the channels that lie side by side. Blocked
/// channels count with their padding.
template <int N>
ALEXNODE_DEVICE Chunk chunk_at(const Image& v, i64 i) {
  const i64 lane = take(i, v.block / N) * N, pixel = take(i, v.pixels),
            block = take(i, (v.c + v.block - 1) / v.block);
  return {i, block * v.block + lane, pixel};
}

ALEXNODE_DEVICE i64 place(const Image& v, const Chunk& c) { return place(v, c.image, c.channel, c.pixel); }

}  // namespace alexnode::cuda
