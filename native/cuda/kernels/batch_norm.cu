// Batch normalisation in any layout that an Image describes. A pass gathers shifted sums, in f32 within a
// thread's few rows and in f64 beyond; a warp a channel makes statistics of them; a last pass is affine.
#include "cuda/kernels/batch_norm.h"
#include "cuda/kernels/batch_norm_sums.cuh"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/lanes.cuh"
#include "cuda/kernels/reduce.cuh"

namespace alexnode::cuda {

/// Rows that a thread loads before it works on them: that many must be in flight to keep the memory busy.
/// Of 16-bit types fewer, since their sums take the registers.
template <class T, bool Backward>
constexpr int kRows = int(sizeof(T)) / (Backward ? 2 : 1);

/// What a thread of a lanes kernel works on: N channels from `channel` on, in every `step`th row.
template <class T>
struct LanesPart {
  static constexpr int N = kLanes<T>;
  using Pack = Lanes<T, N>;
  const BatchNormTiles& tiles;
  i64 at, channel;  // offset of the channels in row 0
  int lanes;        // how many of the N are there
  bool even;        // each row's N lie at a multiple of N from row 0's
  i64 begin, end, step;

  ALEXNODE_DEVICE explicit LanesPart(const BatchNormTiles& tiles) : tiles(tiles) {
    const auto& v = tiles.image;
    const i64 block = blockIdx.x / tiles.tiles;
    const i64 lane = (i64(blockIdx.x % tiles.tiles) * tiles.across + threadIdx.x % tiles.across) * N;
    at = block * v.block_stride + lane;
    channel = block * v.block + lane;
    lanes = int(max(i64(0), min(i64(N), v.block - lane)));
    even = v.pixel_stride % N == 0 && v.image_stride % N == 0;
    begin = blockIdx.y * tiles.segment_rows + threadIdx.x / tiles.across;
    end = lanes ? min((blockIdx.y + 1) * tiles.segment_rows, tiles.rows) : 0;
    step = blockDim.x / tiles.across;
  }
  ALEXNODE_DEVICE i64 row(i64 r) const {
    const auto& v = tiles.image;
    if (v.n == 1) return at + r * v.pixel_stride;
    return at + r / v.pixels * v.image_stride + r % v.pixels * v.pixel_stride;
  }
  /// Whether the thread's lanes can be loaded from x, and stored there, at once.
  ALEXNODE_DEVICE bool at_once(const T* x) const { return even && lanes == N && aligned(x + at, 16); }
  ALEXNODE_DEVICE Pack load(const T* x, i64 i, bool at_once) const {
    if (at_once) return *reinterpret_cast<const Pack*>(x + i);
    Pack pack;
    for (int l = 0; l < N; l++) pack.lane[l] = l < lanes ? float(x[i + l]) : 0.f;
    return pack;
  }
  ALEXNODE_DEVICE void store(T* y, i64 i, const Pack& pack, bool at_once) const {
    if (at_once) {
      put(y + i, pack);
    } else {
      for (int l = 0; l < N; l++)
        if (l < lanes) y[i + l] = pack.lane[l];
    }
  }
  ALEXNODE_DEVICE bool is_channel(int l) const { return l < lanes && channel + l < tiles.image.c; }
};

/// What a warp of a planes kernel works on: rows of the channel's planes.
struct PlanesPart {
  const BatchNormTiles& tiles;
  i64 channel, begin, end, step;

  ALEXNODE_DEVICE explicit PlanesPart(const BatchNormTiles& tiles) : tiles(tiles) {
    channel = blockIdx.x;
    begin = blockIdx.y * tiles.segment_rows + threadIdx.x / 32;
    end = min((blockIdx.y + 1) * tiles.segment_rows, tiles.rows);
    step = blockDim.x / 32;
  }
  /// f(offset) for the thread's pixels of a row.
  template <class F>
  ALEXNODE_DEVICE void each_pixel(i64 row, const F& f) const {
    const auto& v = tiles.image;
    const i64 image = row / tiles.row_pieces, piece = row % tiles.row_pieces;
    const i64 last = min((piece + 1) * kPlaneRow, v.pixels);
    const i64 plane = image * v.image_stride + channel * v.block_stride;
    for (i64 p = piece * kPlaneRow + threadIdx.x % 32; p < last; p += 32) f(plane + p * v.pixel_stride);
  }
};

template <class T, bool Backward>
ALEXNODE_DEVICE void lanes_sums(const BatchNormSumsParams& p) {
  constexpr int N = kLanes<T>, rows = kRows<T, Backward>;
  __shared__ float shared[kWarps][2][kAcross * N];
  const LanesPart<T> part(p.tiles);
  const auto *x = static_cast<const T*>(p.x), *dy = static_cast<const T*>(p.dy);
  const bool x_at_once = part.at_once(x), dy_at_once = Backward && part.at_once(dy);
  float shift[N], sum[N] = {}, product[N] = {};
  for (int l = 0; l < N; l++)
    shift[l] = !part.is_channel(l) ? 0.f : Backward ? p.mean[part.channel + l] : float(x[part.at + l]);
  for (i64 r = part.begin; r < part.end; r += rows * part.step) {
    typename LanesPart<T>::Pack a[rows], b[rows];
    for (int k = 0; k < rows; k++) {
      if (r + k * part.step >= part.end) break;
      const i64 i = part.row(r + k * part.step);
      b[k] = part.load(x, i, x_at_once);
      if constexpr (Backward) a[k] = part.load(dy, i, dy_at_once);
    }
    for (int k = 0; k < rows; k++) {
      if (r + k * part.step >= part.end) break;
      for (int l = 0; l < N; l++) {
        const float centred = float(b[k].lane[l]) - shift[l];
        const float factor = Backward ? float(a[k].lane[l]) : centred;
        sum[l] += factor, product[l] += factor * centred;
      }
    }
  }
  // Over the rows of the warp, then over the warps.
  const int across = p.tiles.across, warp = threadIdx.x / 32, own = threadIdx.x % 32;
  for (int with = 16; with >= across; with >>= 1)
    for (int l = 0; l < N; l++) {
      sum[l] += __shfl_xor_sync(~0u, sum[l], with);
      product[l] += __shfl_xor_sync(~0u, product[l], with);
    }
  if (own < across)
    for (int l = 0; l < N; l++)
      shared[warp][0][own * N + l] = sum[l], shared[warp][1][own * N + l] = product[l];
  __syncthreads();
  const int channels = across * N;  // of the tile
  for (int i = threadIdx.x; i < 2 * channels; i += blockDim.x) {
    const int which = i / channels, c = i % channels;
    const i64 lane = i64(blockIdx.x % p.tiles.tiles) * channels + c;
    const i64 channel = blockIdx.x / p.tiles.tiles * p.tiles.image.block + lane;
    if (lane >= p.tiles.image.block || channel >= p.tiles.image.c) continue;
    double total = 0;
    for (u32 w = 0; w < blockDim.x / 32; w++) total += double(shared[w][which][c]);
    p.sums[(channel * 2 + which) * p.tiles.segments + blockIdx.y] = total;
  }
}

template <class T, bool Backward>
ALEXNODE_DEVICE void planes_sums(const BatchNormSumsParams& p) {
  __shared__ double shared[kWarps];
  const PlanesPart part(p.tiles);
  const auto *x = static_cast<const T*>(p.x), *dy = static_cast<const T*>(p.dy);
  const float shift = Backward ? p.mean[part.channel] : float(x[part.channel * p.tiles.image.block_stride]);
  double sum = 0, product = 0;
  for (i64 r = part.begin; r < part.end; r += part.step) {
    float s = 0, q = 0;
    part.each_pixel(r, [&](i64 i) {
      const float centred = float(x[i]) - shift, factor = Backward ? float(dy[i]) : centred;
      s += factor, q += factor * centred;
    });
    sum += double(s), product += double(q);
  }
  sum = block_reduce(sum, Plus{}, shared);
  product = block_reduce(product, Plus{}, shared);
  if (threadIdx.x > 0) return;
  double* to = p.sums + part.channel * 2 * p.tiles.segments + blockIdx.y;
  to[0] = sum, to[p.tiles.segments] = product;
}

template <class T>
ALEXNODE_DEVICE void batch_norm_stats(const BatchNormStatsParams& p) {
  const i64 c = own_warp();
  if (c >= p.image.c) return;
  const auto [sum, product] = add_segments(p.sums, c, p.segments);
  if (threadIdx.x % 32 > 0) return;
  const double mean = sum / p.count, var = product / p.count - mean * mean;
  p.mean[c] = float(double(static_cast<const T*>(p.x)[place(p.image, 0, c, 0)]) + mean);
  p.var[c] = var < 0 ? 0.f : float(var);
}

ALEXNODE_KERNEL(batch_norm_slopes, BatchNormSlopesParams) {
  const i64 c = own_warp();
  if (c >= p.channels) return;
  const auto [sum, product] = add_segments(p.sums, c, p.segments);
  if (threadIdx.x % 32 > 0) return;
  p.dshift[c] = float(sum);
  p.dscale[c] = float(product / sqrt(double(p.var[c]) + double(p.epsilon)));
  if (p.both) p.both[c] = p.dscale[c], p.both[p.channels + c] = p.dshift[c];
}

/// y = x·of_x + rest, or no less than `least`; dx = dy·of_dy + x·of_x + rest, backward.
struct Affine {
  float of_x, rest, of_dy;
  Affine() = default;
  template <bool Backward>
  ALEXNODE_DEVICE static Affine of(const BatchNormApplyParams& p, i64 c) {
    const float inverse = 1 / sqrtf(p.var[c] + p.epsilon), k = p.scale[c] * inverse;
    Affine a;
    if constexpr (Backward) {
      a.of_dy = k;
      a.of_x = -k * inverse * p.dscale[c] / p.count;
      a.rest = -k * p.dshift[c] / p.count - a.of_x * p.mean[c];
    } else {
      a.of_dy = 0;
      a.of_x = k;
      a.rest = p.shift[c] - p.mean[c] * k;
    }
    return a;
  }
};

template <class T, bool Backward>
ALEXNODE_DEVICE void lanes_apply(const BatchNormApplyParams& p) {
  constexpr int N = kLanes<T>, rows = kRows<T, Backward>;
  const LanesPart<T> part(p.tiles);
  const auto *x = static_cast<const T*>(p.x), *dy = static_cast<const T*>(p.dy);
  auto* y = static_cast<T*>(p.y);
  const bool at_once = part.at_once(x) && part.at_once(y) && (!Backward || part.at_once(dy));
  // Padding channels become zero.
  float of_x[N] = {}, rest[N] = {}, of_dy[N] = {};
  for (int l = 0; l < N; l++)
    if (part.is_channel(l)) {
      const Affine a = Affine::of<Backward>(p, part.channel + l);
      of_x[l] = a.of_x, rest[l] = a.rest, of_dy[l] = a.of_dy;
    }
  for (i64 r = part.begin; r < part.end; r += rows * part.step) {
    typename LanesPart<T>::Pack a[rows], b[rows];
    for (int k = 0; k < rows; k++) {
      if (r + k * part.step >= part.end) break;
      const i64 i = part.row(r + k * part.step);
      b[k] = part.load(x, i, at_once);
      if constexpr (Backward) a[k] = part.load(dy, i, at_once);
    }
    for (int k = 0; k < rows; k++) {
      if (r + k * part.step >= part.end) break;
      for (int l = 0; l < N; l++) {
        float v = float(b[k].lane[l]) * of_x[l] + rest[l];
        if constexpr (Backward) v += float(a[k].lane[l]) * of_dy[l];
        b[k].lane[l] = v < p.least ? p.least : v;
      }
      part.store(y, part.row(r + k * part.step), b[k], at_once);
    }
  }
}

template <class T, bool Backward>
ALEXNODE_DEVICE void planes_apply(const BatchNormApplyParams& p) {
  const PlanesPart part(p.tiles);
  const auto *x = static_cast<const T*>(p.x), *dy = static_cast<const T*>(p.dy);
  auto* y = static_cast<T*>(p.y);
  const Affine a = Affine::of<Backward>(p, part.channel);
  for (i64 r = part.begin; r < part.end; r += part.step)
    part.each_pixel(r, [&](i64 i) {
      float v = float(x[i]) * a.of_x + a.rest;
      if constexpr (Backward) v += float(dy[i]) * a.of_dy;
      y[i] = v < p.least ? p.least : v;
    });
}

ALEXNODE_KERNEL(batch_norm_update, BatchNormUpdateParams) {
  if (p.ok && !*p.ok) return;
  for (i64 c = first_index(); c < p.channels; c += index_step()) {
    p.running_mean[c] += p.momentum * (p.mean[c] - p.running_mean[c]);
    p.running_var[c] += p.momentum * (p.var[c] * p.unbiased - p.running_var[c]);
  }
}

#define KERNELS(suffix, T)                                                                                  \
  ALEXNODE_KERNEL(batch_norm_lanes_sums_##suffix, BatchNormSumsParams) { lanes_sums<T, false>(p); }         \
  ALEXNODE_KERNEL(batch_norm_planes_sums_##suffix, BatchNormSumsParams) { planes_sums<T, false>(p); }       \
  ALEXNODE_KERNEL(batch_norm_backward_lanes_sums_##suffix, BatchNormSumsParams) { lanes_sums<T, true>(p); } \
  ALEXNODE_KERNEL(batch_norm_backward_planes_sums_##suffix, BatchNormSumsParams) {                          \
    planes_sums<T, true>(p);                                                                                \
  }                                                                                                         \
  ALEXNODE_KERNEL(batch_norm_stats_##suffix, BatchNormStatsParams) { batch_norm_stats<T>(p); }              \
  ALEXNODE_KERNEL(batch_norm_lanes_##suffix, BatchNormApplyParams) { lanes_apply<T, false>(p); }            \
  ALEXNODE_KERNEL(batch_norm_planes_##suffix, BatchNormApplyParams) { planes_apply<T, false>(p); }          \
  ALEXNODE_KERNEL(batch_norm_backward_lanes_##suffix, BatchNormApplyParams) { lanes_apply<T, true>(p); }    \
  ALEXNODE_KERNEL(batch_norm_backward_planes_##suffix, BatchNormApplyParams) { planes_apply<T, true>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
