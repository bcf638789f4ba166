// Max and average pooling. A thread makes one output of 16 bytes of channels where these lie side by side,
// else of one channel; overlapping windows share the cache. Backward, each input gathers from the windows
// that see it, in a fixed order: it is written once, and no thread writes where another does.
#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/pool.h"

namespace alexnode::cuda {

struct Range {
  i32 begin, end;
};

/// The cells, counted in the window, of window `o` along an axis that lie inside x.
ALEXNODE_DEVICE Range cells(const PoolParams& p, int axis, i32 o, i64 length) {
  const i32 start = o * p.stride[axis] - p.before[axis];
  return {max(-start, 0), i32(min(i64(p.kernel[axis]), length - start))};
}
/// The windows that see cell `i` of x.
ALEXNODE_DEVICE Range windows(const PoolParams& p, int axis, i32 i, i64 count) {
  const i32 at = i + p.before[axis], first = max(at - p.kernel[axis] + 1, 0);
  return {(first + p.stride[axis] - 1) / p.stride[axis], i32(min(i64(at / p.stride[axis]) + 1, count))};
}
/// How many cells of window `o` an average counts: those inside x, and those in its padding if they count.
ALEXNODE_DEVICE i32 counted(const PoolParams& p, int axis, i32 o, i64 length) {
  const auto [begin, end] = cells(p, axis, o, p.include_padding ? length + p.after[axis] : length);
  return p.include_padding ? end : end - begin;
}
ALEXNODE_DEVICE float divisor(const PoolParams& p, i32 row, i32 column) {
  return float(counted(p, 0, row, p.x.h) * counted(p, 1, column, p.x.w));
}

/// A chunk of an image tensor, and where its channels begin in the other tensor.
struct Spot {
  Chunk chunk;
  i32 row, column;
  i64 at, other;
};
template <int N>
ALEXNODE_DEVICE Spot spot(const Image& v, const Image& other, i64 i) {
  const Chunk c = chunk_at<N>(v, i);
  i64 row = c.pixel;
  const i64 column = take(row, v.w);
  return {c, i32(row), i32(column), place(v, c), place(other, c.image, c.channel, 0)};
}

/// What a window holds: see(lanes, number of the cell), in row-major order. K is the window's size if that is
/// known, so that all of its loads are in flight at once.
template <int K, int N, class T, class See>
ALEXNODE_DEVICE void each_cell(const PoolParams& p, const Spot& s, Range rows, Range columns, const T* x,
                               bool whole, const See& see) {
  const i32 top = s.row * p.stride[0] - p.before[0], left = s.column * p.stride[1] - p.before[1];
  const auto cell = [&](i32 row, i32 column, i32 number) {
    see(load<N>(x + s.other + (i64(top + row) * p.x.w + left + column) * p.x.pixel_stride, whole), number);
  };
  if constexpr (K > 0) {
#pragma unroll
    for (i32 row = 0; row < K; row++)
#pragma unroll
      for (i32 column = 0; column < K; column++)
        if (row >= rows.begin && row < rows.end && column >= columns.begin && column < columns.end)
          cell(row, column, row * K + column);
  } else {
    for (i32 row = rows.begin; row < rows.end; row++)
      for (i32 column = columns.begin; column < columns.end; column++)
        cell(row, column, row * p.kernel[1] + column);
  }
}

/// The first of the largest; NaN is larger than all.
template <class T, class Index, int N, int K>
ALEXNODE_DEVICE void max_pool(const PoolParams& p) {
  constexpr int bytes = N * int(sizeof(T));
  const auto* x = static_cast<const T*>(p.in);
  auto* index = static_cast<Index*>(p.index);
  const bool whole = aligned(x, bytes) && aligned(p.out, bytes);
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const auto s = spot<N>(p.y, p.x, i);
    const auto rows = cells(p, 0, s.row, p.x.h), columns = cells(p, 1, s.column, p.x.w);
    float best[N];
    i32 winner[N];
#pragma unroll
    for (int l = 0; l < N; l++) {
      best[l] = from_bits(0xff800000);  // -∞
      winner[l] = rows.begin * (K ? K : p.kernel[1]) + columns.begin;
    }
    each_cell<K, N>(p, s, rows, columns, x, whole, [&](const Lanes<T, N>& lanes, i32 number) {
#pragma unroll
      for (int l = 0; l < N; l++) {
        const float value = lanes.lane[l];
        if (!(value <= best[l]) && best[l] == best[l]) best[l] = value, winner[l] = number;
      }
    });
    Lanes<T, N> y;
#pragma unroll
    for (int l = 0; l < N; l++) y.lane[l] = best[l];
    store(static_cast<T*>(p.out) + s.at, y, whole);
    if (!index) continue;
    Lanes<Index, N> number;
#pragma unroll
    for (int l = 0; l < N; l++) number.lane[l] = Index(s.chunk.channel + l < p.y.c ? winner[l] : 0);
    store(index + s.at, number, aligned(index, N * int(sizeof(Index))));
  }
}

template <class T, class Index, int N>
ALEXNODE_DEVICE void max_pool_backward(const PoolParams& p) {
  constexpr int bytes = N * int(sizeof(T));
  const auto* dy = static_cast<const T*>(p.in);
  const auto* index = static_cast<const Index*>(p.index);
  const bool whole = aligned(dy, bytes) && aligned(p.out, bytes);
  const bool whole_index = aligned(index, N * int(sizeof(Index)));
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const auto s = spot<N>(p.x, p.y, i);
    const auto rows = windows(p, 0, s.row, p.y.h), columns = windows(p, 1, s.column, p.y.w);
    float sum[N] = {};
    for (i32 row = rows.begin; row < rows.end; row++)
      for (i32 column = columns.begin; column < columns.end; column++) {
        const i64 at = s.other + (row * p.y.w + column) * p.y.pixel_stride;
        const auto value = load<N>(dy + at, whole);
        const auto winner = load<N>(index + at, whole_index);
        const i32 own = (s.row + p.before[0] - row * p.stride[0]) * p.kernel[1] + s.column + p.before[1] -
                        column * p.stride[1];
#pragma unroll
        for (int l = 0; l < N; l++) sum[l] += i32(winner.lane[l]) == own ? float(value.lane[l]) : 0.f;
      }
    Lanes<T, N> dx;
#pragma unroll
    for (int l = 0; l < N; l++) dx.lane[l] = sum[l];
    store(static_cast<T*>(p.out) + s.at, dx, whole);
  }
}

template <class T, int N>
ALEXNODE_DEVICE void avg_pool(const PoolParams& p) {
  constexpr int bytes = N * int(sizeof(T));
  const auto* x = static_cast<const T*>(p.in);
  const bool whole = aligned(x, bytes) && aligned(p.out, bytes);
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const auto s = spot<N>(p.y, p.x, i);
    const auto rows = cells(p, 0, s.row, p.x.h), columns = cells(p, 1, s.column, p.x.w);
    float sum[N] = {};
    each_cell<0, N>(p, s, rows, columns, x, whole, [&](const Lanes<T, N>& lanes, i32) {
#pragma unroll
      for (int l = 0; l < N; l++) sum[l] += float(lanes.lane[l]);
    });
    const float count = divisor(p, s.row, s.column);
    Lanes<T, N> y;
#pragma unroll
    for (int l = 0; l < N; l++) y.lane[l] = sum[l] / count;
    store(static_cast<T*>(p.out) + s.at, y, whole);
  }
}

template <class T, int N>
ALEXNODE_DEVICE void avg_pool_backward(const PoolParams& p) {
  constexpr int bytes = N * int(sizeof(T));
  const auto* dy = static_cast<const T*>(p.in);
  const bool whole = aligned(dy, bytes) && aligned(p.out, bytes);
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const auto s = spot<N>(p.x, p.y, i);
    const auto rows = windows(p, 0, s.row, p.y.h), columns = windows(p, 1, s.column, p.y.w);
    float sum[N] = {};
    for (i32 row = rows.begin; row < rows.end; row++)
      for (i32 column = columns.begin; column < columns.end; column++) {
        const auto value = load<N>(dy + s.other + (row * p.y.w + column) * p.y.pixel_stride, whole);
        const float count = divisor(p, row, column);
#pragma unroll
        for (int l = 0; l < N; l++) sum[l] += float(value.lane[l]) / count;
      }
    Lanes<T, N> dx;
#pragma unroll
    for (int l = 0; l < N; l++) dx.lane[l] = sum[l];
    store(static_cast<T*>(p.out) + s.at, dx, whole);
  }
}

// Wide: 16 bytes of channels. Windows of more than 256 cells have their index in i32.
#define KERNELS(name, T)                                                                                 \
  ALEXNODE_KERNEL(max_pool_3x3_wide_##name, PoolParams) { max_pool<T, u8, kLanes<T>, 3>(p); }            \
  ALEXNODE_KERNEL(max_pool_wide_##name, PoolParams) { max_pool<T, u8, kLanes<T>, 0>(p); }                \
  ALEXNODE_KERNEL(max_pool_u8_##name, PoolParams) { max_pool<T, u8, 1, 0>(p); }                          \
  ALEXNODE_KERNEL(max_pool_i32_##name, PoolParams) { max_pool<T, i32, 1, 0>(p); }                        \
  ALEXNODE_KERNEL(max_pool_backward_wide_##name, PoolParams) { max_pool_backward<T, u8, kLanes<T>>(p); } \
  ALEXNODE_KERNEL(max_pool_backward_u8_##name, PoolParams) { max_pool_backward<T, u8, 1>(p); }           \
  ALEXNODE_KERNEL(max_pool_backward_i32_##name, PoolParams) { max_pool_backward<T, i32, 1>(p); }         \
  ALEXNODE_KERNEL(avg_pool_wide_##name, PoolParams) { avg_pool<T, kLanes<T>>(p); }                       \
  ALEXNODE_KERNEL(avg_pool_##name, PoolParams) { avg_pool<T, 1>(p); }                                    \
  ALEXNODE_KERNEL(avg_pool_backward_wide_##name, PoolParams) { avg_pool_backward<T, kLanes<T>>(p); }     \
  ALEXNODE_KERNEL(avg_pool_backward_##name, PoolParams) { avg_pool_backward<T, 1>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
