// Max and average pooling by our own kernels, in NCHW, NHWC and blocked layouts alike. oneDNN's keep an
// opaque workspace, where ours keep the winner's place in its window, and they ignore a NaN.
//
// Eight or sixteen channels that lie side by side are computed at once; in NCHW eight outputs.
#include <cstdint>
#include <type_traits>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/pool/lanes.h"
#include "cpu/pool/plan.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

using namespace lanes;
using namespace pooling;

namespace {

/// Where the cells of a window are: `row` and `pixel` elements apart, and what counts of them.
struct Cells {
  int64_t row, pixel, kernel;
  Range rows, columns;
};

/// Outputs by max pooling, x at their windows' first cells: channels side by side or, with `step`, eight
/// outputs whose first cells are `step` elements apart. Windows have kSize² cells, or those that c says.
template <class L, int kSize, class T, class Index>
ALEXNODE_INLINE void maximum(T* y, Index* index, const T* x, const Cells& c, int64_t step) {
  const auto cell = [&](typename L::F(&value)[L::parts], int64_t i, int64_t j) ALEXNODE_INLINED {
    if constexpr (L::lanes == 8)
      if (step) return load(value, x + i * c.row + j * c.pixel, step);
    load<L>(value, x + i * c.row + j * c.pixel);
  };
  const Range rows = kSize ? Range{0, kSize} : c.rows, columns = kSize ? Range{0, kSize} : c.columns;
  const int64_t kernel = kSize ? kSize : c.kernel;
  typename L::F best[L::parts];
  typename L::I where[L::parts] = {};
  cell(best, rows.begin, columns.begin);
  for (auto& w : where) w += int32_t(rows.begin * kernel + columns.begin);
#pragma GCC unroll 3
  for (int64_t i = rows.begin; i < rows.end; i++)
#pragma GCC unroll 3
    for (int64_t j = columns.begin; j < columns.end; j++) {
      typename L::F value[L::parts];
      cell(value, i, j);
      for (int part = 0; part < L::parts; part++) {
        const auto take = (!(value[part] <= best[part])) & (best[part] == best[part]);
        best[part] = take ? value[part] : best[part];
        where[part] = take ? typename L::I{} + int32_t(i * kernel + j) : where[part];
      }
    }
  store<L, true>(y, best);
  if (index) store_places<L>(index, where);
}

/// The same, by average pooling.
template <class L, class T>
ALEXNODE_INLINE void average(T* y, const T* x, const Cells& c, int64_t step, float divisor) {
  typename L::F sum[1] = {};
  for (int64_t i = c.rows.begin; i < c.rows.end; i++)
    for (int64_t j = c.columns.begin; j < c.columns.end; j++) {
      typename L::F value[1];
      const T* at = x + i * c.row + j * c.pixel;
      if constexpr (L::lanes == 8) {
        if (step)
          load(value, at, step);
        else
          load<L>(value, at);
      } else {
        load<L>(value, at);
      }
      sum[0] += value[0];
    }
  sum[0] /= divisor;
  store<L, false>(y, sum);
}

/// One row of y. x, y and index point to the image and the block of channels.
template <bool kMax, class T, class Index>
struct ForwardRow {
  template <bool kWide>
  ALEXNODE_INLINE static void run(T* y, Index* index, const T* x, const Plan& p, int64_t oy) {
    constexpr bool kVectors = kWide && sizeof(Index) == 1;
    const Axis &v = p.vertical, &h = p.horizontal;
    const Range rows = v.cells[oy], *cells = h.cells.data();
    const int64_t lanes = p.lanes, width = h.out, kernel = h.kernel, stride = h.stride;
    const int64_t pixel = p.x.pixel_stride, row = p.x.w * pixel, apart = p.y.pixel_stride;
    x += (oy * v.stride - v.before) * row - h.before * pixel;
    y += oy * width * apart;
    if (index) index += oy * width * apart;
    const bool three = kVectors && kMax && lanes % Whole<T>::lanes == 0 && v.kernel == 3 && kernel == 3 &&
                       rows.begin == 0 && rows.end == 3;
    for (int64_t ox = 0; ox < width;) {
      const Range columns = cells[ox];
      const Cells c{row, pixel, kernel, rows, columns};
      const bool whole = columns.begin == 0 && columns.end == kernel;
      const auto put = [&]<class L, int kSize>(L, std::integral_constant<int, kSize>, int64_t lane,
                                               int64_t step) ALEXNODE_INLINED {
        const auto o = ox * apart + lane;
        const T* from = x + ox * stride * pixel + lane;
        if constexpr (kMax)
          maximum<L, kSize>(y + o, index ? index + o : nullptr, from, c, step);
        else
          average<L>(y + o, from, c, step, float(p.divisor(oy, ox)));
      };
      constexpr std::integral_constant<int, 0> any;
      // In NCHW eight windows at once, if none of them crosses an edge.
      if (lanes == 1 && ox + kLanes <= width && whole && cells[ox + kLanes - 1].end == kernel) {
        if constexpr (kVectors) {
          put(Eight(), any, 0, stride);
          ox += kLanes;
          continue;
        }
      }
      if (three && whole) {
        if constexpr (kVectors && kMax)
          for (int64_t lane = 0; lane < lanes; lane += Whole<T>::lanes)
            put(Whole<T>(), std::integral_constant<int, 3>(), lane, 0);
      } else {
        each_lanes<kVectors>(lanes, [&](auto l, int64_t lane) ALEXNODE_INLINED { put(l, any, lane, 0); });
      }
      ox++;
    }
  }
};

template <bool kMax, class T, class Index>
KernelPtr forward(Specs specs, const Plan& p, int y_slot, int x_slot, int index_slot) {
  const auto forward_row =
      Versions<ForwardRow<kMax, T, Index>, T*, Index*, const T*, const Plan&, int64_t>::choose();
  return make_kernel(std::move(specs), "pool", [=](const Args& a) {
    auto* y = a.at<T>(y_slot);
    auto* index = index_slot < 0 ? nullptr : a.at<Index>(index_slot);
    const auto* x = a.at<T>(x_slot);
    each_row(p.y, [&](int64_t image, int64_t block, int64_t row) {
      const auto to = base(p.y, image, block);
      forward_row(y + to, index ? index + to : nullptr, x + base(p.x, image, block), p, row);
      // The padding of a block must be zero, but a window whose first cells are padding has another first
      // index.
      if (const auto filled = p.y.c - block * p.y.block; index && filled < p.y.block)
        for (auto *at = index + to + row * p.y.w * p.y.block, *end = at + p.y.w * p.y.block; at < end;
             at += p.y.block)
          std::fill(at + filled, at + p.y.block, Index(0));
    });
  });
}

}  // namespace

KernelPtr make(const MaxPool& f, Specs specs) {
  using Op = MaxPool;
  same_layout(specs, {Op::X, Op::Y, Op::Index});
  const auto p = make_plan(f, specs, Op::X, Op::Y);
  const int index = specs.has(Op::Index) ? int(Op::Index) : -1;
  const bool wide = f.index_dtype() == DType::i32;
  return with_float(specs[Op::X].dtype, [&](auto t) {
    using T = decltype(t);
    return wide ? forward<true, T, int32_t>(std::move(specs), p, Op::Y, Op::X, index)
                : forward<true, T, uint8_t>(std::move(specs), p, Op::Y, Op::X, index);
  });
}

KernelPtr make(const AvgPool& f, Specs specs) {
  using Op = AvgPool;
  same_layout(specs, {Op::X, Op::Y});
  auto p = make_plan(f, specs, Op::X, Op::Y);
  p.include_padding = f.include_padding;
  return with_float(specs[Op::X].dtype, [&](auto t) {
    return forward<false, decltype(t), uint8_t>(std::move(specs), p, Op::Y, Op::X, -1);
  });
}

}  // namespace alexnode::cpu
