// Local response normalisation: y = x·s^-β with s = k + α·Σx² over a window, and its gradient,
//   dx = dy·s^-β - 2αβ·x·Σ dy·x·s^(-β-1), the sum over the elements whose windows hold this one.
// Source: Krizhevsky 2012, section 3.3. The scale is not kept from forward to backward: computing it again
// takes less time than reading it.
#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/lrn.h"

namespace alexnode::cuda {

struct Powers {
  float power, inverse;  // s^-β, 1/s
};

struct PaperPower {  // β = 3/4
  ALEXNODE_DEVICE explicit PaperPower(float) {}
  ALEXNODE_DEVICE Powers operator()(float s) const {
    const float root = rsqrtf(s);
    return {root * rsqrtf(root) * root, root * root};
  }
};
struct AnyPower {
  float beta;
  ALEXNODE_DEVICE explicit AnyPower(float beta) : beta(beta) {}
  ALEXNODE_DEVICE Powers operator()(float s) const {
    if (beta == .75f) return PaperPower(beta)(s);
    if (beta == .5f) return {rsqrtf(s), 1 / s};
    if (beta == 1) return {1 / s, 1 / s};
    return {powf(s, -beta), 1 / s};
  }
};

constexpr int kReach = 2;  // channels on either side

/// `value` of N channels between those of the neighbouring lanes of the warp; zero beyond the group.
template <int N>
struct Line {
  float value[N + 2 * kReach];
  ALEXNODE_DEVICE Line(const float (&own)[N], bool before, bool after) {
#pragma unroll
    for (int i = 0; i < N; i++) value[kReach + i] = own[i];
#pragma unroll
    for (int i = 0; i < kReach; i++) {
      const float left = __shfl_up_sync(~0u, own[N - kReach + i], 1),
                  right = __shfl_down_sync(~0u, own[i], 1);
      value[i] = before ? left : 0.f;
      value[kReach + N + i] = after ? right : 0.f;
    }
  }
  /// sums[i] = value[i] + … + value[i + 4]
  ALEXNODE_DEVICE void sums(float (&sums)[N]) const {
    float pairs[N + 2];
#pragma unroll
    for (int i = 0; i < N + 2; i++) pairs[i] = value[i] + value[i + 1];
#pragma unroll
    for (int i = 0; i < N; i++) sums[i] = pairs[i] + pairs[i + 2] + value[i + 4];
  }
};

/// A warp takes 30 neighbouring chunks of 16 bytes. Its first and last lane hold the chunks around them,
/// which they only lend: with a reach of two, what they lend needs no chunk beyond theirs, even backward.
template <class T, class Power, bool kBackward>
ALEXNODE_DEVICE void lrn_lines(const LrnLinesParams& p) {
  constexpr int N = kLanes<T>, kOwn = LrnLinesParams::kOwn;
  const auto *x = static_cast<const T*>(p.x), *dy = static_cast<const T*>(p.dy);
  auto* y = static_cast<T*>(p.y);
  const bool whole = aligned(x, 16) && aligned(y, 16) && aligned(dy, 16);
  const Power powers(p.beta);
  const int lane = int(threadIdx.x) % 32;
  for (i64 first = first_index() / 32 * kOwn; first < p.chunks; first += index_step() / 32 * kOwn) {
    const i64 chunk = first + lane - 1;
    const bool inside = chunk >= 0 && chunk < p.chunks;
    float in[N] = {}, squares[N], scale[N];
    if (inside) {
      const auto loaded = load<N>(x + chunk * N, whole);
#pragma unroll
      for (int i = 0; i < N; i++) in[i] = loaded.lane[i];
    }
    i64 group = inside ? chunk : 0;
    const i64 in_group = take(group, p.chunks_in_group);
    const bool before = in_group > 0, after = in_group + 1 < p.chunks_in_group;
#pragma unroll
    for (int i = 0; i < N; i++) squares[i] = in[i] * in[i];
    Line<N>(squares, before, after).sums(scale);
    float out[N];
    if constexpr (kBackward) {
      float terms[N], sums[N];
      Lanes<T, N> loaded{};
      if (inside) loaded = load<N>(dy + chunk * N, whole);
#pragma unroll
      for (int i = 0; i < N; i++) {
        const Powers s = powers(p.k + p.alpha * scale[i]);
        out[i] = float(loaded.lane[i]) * s.power;
        // Where x is 0 it is 0, even if k is 0 and the power infinite, unless dy is not finite.
        terms[i] = in[i] != 0 ? out[i] * in[i] * s.inverse : float(loaded.lane[i]) * in[i];
      }
      Line<N>(terms, before, after).sums(sums);
      const float factor = 2 * p.alpha * p.beta;
#pragma unroll
      for (int i = 0; i < N; i++) {
        out[i] -= factor * in[i] * sums[i];
        if (p.relu && in[i] <= 0) out[i] = 0;
      }
    } else {
#pragma unroll
      for (int i = 0; i < N; i++) out[i] = in[i] * powers(p.k + p.alpha * scale[i]).power;
    }
    if (inside && lane > 0 && lane <= kOwn) {
      Lanes<T, N> stored;
#pragma unroll
      for (int i = 0; i < N; i++) stored.lane[i] = out[i];
      store(y + chunk * N, stored, whole);
    }
  }
}

/// Σ term(place) over the cells around `c`, `back` and `ahead` of it along channels, rows and columns.
template <class Term>
ALEXNODE_DEVICE float box_sum(const LrnBoxParams& p, const Chunk& c, const i64 (&back)[3],
                              const i64 (&ahead)[3], const Term& term) {
  i64 row = c.pixel, group = c.channel;
  const i64 column = take(row, p.v.w), begin = c.channel - take(group, p.group);
  float sum = 0;
  for (i64 h = max(row - back[1], 0ll); h <= min(row + ahead[1], p.v.h - 1); h++)
    for (i64 w = max(column - back[2], 0ll); w <= min(column + ahead[2], p.v.w - 1); w++)
      for (i64 channel = max(c.channel - back[0], begin);
           channel <= min(c.channel + ahead[0], begin + p.group - 1); channel++)
        sum += term(place(p.v, c.image, channel, h * p.v.w + w));
  return sum;
}

template <class T>
ALEXNODE_DEVICE float scale_of(const LrnBoxParams& p, const Chunk& c) {
  const auto* x = static_cast<const T*>(p.x);
  return p.k + p.alpha * box_sum(p, c, p.back, p.ahead, [x](i64 at) {
                 const float value = x[at];
                 return value * value;
               });
}

template <class T>
ALEXNODE_DEVICE void lrn_box(const LrnBoxParams& p) {
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const Chunk c = chunk_at<1>(p.v, i);
    float y = 0;
    if (c.channel < p.v.c)
      y = float(static_cast<const T*>(p.x)[i]) * AnyPower(p.beta)(scale_of<T>(p, c)).power;
    static_cast<T*>(p.y)[i] = y;
  }
}

template <class T>
ALEXNODE_DEVICE void lrn_box_ratios(const LrnBoxParams& p) {
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const Chunk c = chunk_at<1>(p.v, i);
    if (c.channel >= p.v.c) continue;
    const Powers s = AnyPower(p.beta)(scale_of<T>(p, c));
    const float x = static_cast<const T*>(p.x)[i], dy = static_cast<const T*>(p.dy)[i];
    p.ratios[i] = x != 0 ? dy * x * s.power * s.inverse : dy * x;
  }
}

template <class T>
ALEXNODE_DEVICE void lrn_box_backward(const LrnBoxParams& p) {
  for (i64 i = first_index(); i < p.count; i += index_step()) {
    const Chunk c = chunk_at<1>(p.v, i);
    float dx = 0;
    if (const float x = static_cast<const T*>(p.x)[i]; c.channel < p.v.c && !(p.relu && x <= 0)) {
      const float sum = box_sum(p, c, p.ahead, p.back, [&](i64 at) { return p.ratios[at]; });
      dx = float(static_cast<const T*>(p.dy)[i]) * AnyPower(p.beta)(scale_of<T>(p, c)).power -
           2 * p.alpha * p.beta * x * sum;
    }
    static_cast<T*>(p.y)[i] = dx;
  }
}

#define KERNELS(name, T)                                                                            \
  ALEXNODE_KERNEL(lrn_paper_##name, LrnLinesParams) { lrn_lines<T, PaperPower, false>(p); }         \
  ALEXNODE_KERNEL(lrn_paper_backward_##name, LrnLinesParams) { lrn_lines<T, PaperPower, true>(p); } \
  ALEXNODE_KERNEL(lrn_lines_##name, LrnLinesParams) { lrn_lines<T, AnyPower, false>(p); }           \
  ALEXNODE_KERNEL(lrn_lines_backward_##name, LrnLinesParams) { lrn_lines<T, AnyPower, true>(p); }   \
  ALEXNODE_KERNEL(lrn_box_##name, LrnBoxParams) { lrn_box<T>(p); }                                  \
  ALEXNODE_KERNEL(lrn_box_ratios_##name, LrnBoxParams) { lrn_box_ratios<T>(p); }                    \
  ALEXNODE_KERNEL(lrn_box_backward_##name, LrnBoxParams) { lrn_box_backward<T>(p); }
ALEXNODE_FLOATS(KERNELS)

}  // namespace alexnode::cuda
