// The gradients of max and average pooling. Each input gathers from the windows that see it: it is written
// once, summed in f32 in a fixed order, and no thread writes where another does. In NCHW max pooling scatters
// plane by plane instead.
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/pool/lanes.h"
#include "cpu/pool/plan.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

using namespace lanes;
using namespace pooling;

namespace {

/// The windows that see an input: dy and their winners' places at the first of them, and which place the
/// input has in it. From a window to the next below or beside it, they lie `down` or `along` apart, and the
/// input's place is `less_down` or `less_along` less.
template <class T, class Index>
struct Seen {
  const T* dy;
  const Index* index;
  int32_t place;
  int64_t down, along;
  int32_t less_down, less_along;
};

/// What `rows` times `columns` windows give an input by max pooling.
template <class L, bool kExact, class T, class Index>
ALEXNODE_INLINE void gather_max(T* dx, const Seen<T, Index>& s, int64_t lane, int64_t rows, int64_t columns) {
  typename L::F sum[L::parts] = {};
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      const int64_t o = i * s.down + j * s.along + lane;
      add_won<L>(sum, s.dy + o, s.index + o, int32_t(s.place - i * s.less_down - j * s.less_along));
    }
  store<L, kExact>(dx + lane, sum);
}

/// What they give it by average pooling.
template <class L, class T>
ALEXNODE_INLINE void gather_average(T* dx, const T* dy, const Plan& p, Range rows, Range columns) {
  typename L::F sum[1] = {};
  for (int64_t oy = rows.begin; oy < rows.end; oy++)
    for (int64_t ox = columns.begin; ox < columns.end; ox++) {
      typename L::F value[1];
      load<L>(value, dy + (oy * p.horizontal.out + ox) * p.y.pixel_stride);
      sum[0] += value[0] / float(p.divisor(oy, ox));
    }
  store<L, false>(dx, sum);
}

template <bool kMax, class T, class Index>
struct GatherRow {
  template <bool kWide>
  ALEXNODE_INLINE static void run(T* dx, const T* dy, const Index* index, const Plan& p, int64_t iy) {
    constexpr bool kVectors = kWide && sizeof(Index) == 1;
    const Axis &v = p.vertical, &h = p.horizontal;
    const Range rows = v.windows[iy], *windows = h.windows.data();
    const int64_t lanes = p.lanes, width = h.in, pixel = p.x.pixel_stride, along = p.y.pixel_stride,
                  down = h.out * along, high = rows.end - rows.begin;
    dx += iy * width * pixel;
    const auto first = int32_t((iy + v.before - rows.begin * v.stride) * h.kernel + h.before);
    const bool fits = kVectors && high >= 1 && high <= 2 && lanes % Whole<T>::lanes == 0;
    const auto stride = int32_t(h.stride), less = int32_t(v.stride * h.kernel);
    for (int64_t ix = 0; ix < width; ix++, dx += pixel) {
      const Range columns = windows[ix];
      if constexpr (kMax) {
        const int64_t o = rows.begin * down + columns.begin * along, wide = columns.end - columns.begin;
        const Seen<T, Index> seen{
            dy + o, index + o, int32_t(first + ix - columns.begin * stride), down, along, less, stride};
        const auto some =
            [&]<int kRows, int kColumns>(std::integer_sequence<int, kRows, kColumns>) ALEXNODE_INLINED {
              for (int64_t lane = 0; lane < lanes; lane += Whole<T>::lanes)
                gather_max<Whole<T>, kRows * kColumns == 1>(dx, seen, lane, kRows, kColumns);
            };
        // Windows that overlap by less than half, with the loops over them unrolled.
        if (!fits || wide < 1 || wide > 2)
          each_lanes<kVectors>(lanes, [&]<class L>(L, int64_t lane) ALEXNODE_INLINED {
            gather_max<L, false>(dx, seen, lane, high, wide);
          });
        else if constexpr (kVectors) {
          if (high == 1)
            wide == 1 ? some(std::integer_sequence<int, 1, 1>()) : some(std::integer_sequence<int, 1, 2>());
          else
            wide == 1 ? some(std::integer_sequence<int, 2, 1>()) : some(std::integer_sequence<int, 2, 2>());
        }
      } else {
        each_lanes<kVectors>(lanes, [&]<class L>(L, int64_t lane) ALEXNODE_INLINED {
          gather_average<L>(dx + lane, dy + lane, p, rows, columns);
        });
      }
    }
  }
};

/// A plane of NCHW: dy goes to the winner's place, if that lies in the plane. `sums` is the plane in f32.
template <class Index>
void scatter_plane(float* sums, const auto* dy, const Index* index, const Plan& p) {
  const Axis &v = p.vertical, &h = p.horizontal;
  std::fill(sums, sums + p.x.pixels, 0.f);
  for (int64_t oy = 0; oy < v.out; oy++)
    for (int64_t ox = 0; ox < h.out; ox++) {
      const int64_t o = oy * h.out + ox;
      const auto place = uint32_t(index[o]), width = uint32_t(h.kernel);
      const int64_t iy = oy * v.stride - v.before + place / width,
                    ix = ox * h.stride - h.before + place % width;
      if (uint64_t(iy) < uint64_t(v.in) && uint64_t(ix) < uint64_t(h.in))
        sums[iy * h.in + ix] += float(dy[o]);
    }
}

template <bool kMax, class T, class Index>
KernelPtr backward(Specs specs, const Plan& p, int dx_slot, int dy_slot, int index_slot) {
  const auto gather_row =
      Versions<GatherRow<kMax, T, Index>, T*, const T*, const Index*, const Plan&, int64_t>::choose();
  return make_kernel(std::move(specs), "pool", [=](const Args& a) {
    auto* dx = a.at<T>(dx_slot);
    const auto* dy = a.at<T>(dy_slot);
    const auto* index = index_slot < 0 ? nullptr : a.at<Index>(index_slot);
    each_row(p.x, [&](int64_t image, int64_t block, int64_t row) {
      const auto from = base(p.y, image, block);
      gather_row(dx + base(p.x, image, block), dy + from, index + (kMax ? from : 0), p, row);
    });
  });
}

template <class T, class Index>
KernelPtr scatter(Specs specs, const Plan& p) {
  using Op = MaxPoolBackward;
  const int64_t threads = workers(), plane = (p.x.pixels + 15) / 16 * 16;
  constexpr bool direct = std::is_same_v<T, float>;
  return make_kernel(
      std::move(specs), "pool",
      [=](const Args& a) {
        auto* dx = a.at<T>(Op::DX);
        const auto* dy = a.at<T>(Op::DY);
        const auto* index = a.at<Index>(Op::Index);
        each_worker(threads, p.x.n * p.x.c, [&](int64_t worker, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i++) {
            auto* to = dx + i * p.x.pixels;
            if constexpr (direct) {
              scatter_plane(to, dy + i * p.y.pixels, index + i * p.y.pixels, p);
            } else {
              auto* sums = static_cast<float*>(a.scratch) + worker * plane;
              scatter_plane(sums, dy + i * p.y.pixels, index + i * p.y.pixels, p);
              std::copy(sums, sums + p.x.pixels, to);
            }
          }
        });
      },
      direct ? 0 : size_t(threads * plane) * sizeof(float));
}

}  // namespace

KernelPtr make(const MaxPoolBackward& f, Specs specs) {
  using Op = MaxPoolBackward;
  same_layout(specs, {Op::DY, Op::Index, Op::DX});
  const auto p = make_plan(f, specs, Op::DX, Op::DY);
  const bool wide = f.index_dtype() == DType::i32, planes = p.lanes == 1;
  return with_float(specs[Op::DX].dtype, [&](auto t) {
    using T = decltype(t);
    if (planes)
      return wide ? scatter<T, int32_t>(std::move(specs), p) : scatter<T, uint8_t>(std::move(specs), p);
    return wide ? backward<true, T, int32_t>(std::move(specs), p, Op::DX, Op::DY, Op::Index)
                : backward<true, T, uint8_t>(std::move(specs), p, Op::DX, Op::DY, Op::Index);
  });
}

KernelPtr make(const AvgPoolBackward& f, Specs specs) {
  using Op = AvgPoolBackward;
  same_layout(specs, {Op::DY, Op::DX});
  auto p = make_plan(f, specs, Op::DX, Op::DY);
  p.include_padding = f.include_padding;
  return with_float(specs[Op::DX].dtype, [&](auto t) {
    return backward<false, decltype(t), uint8_t>(std::move(specs), p, Op::DX, Op::DY, -1);
  });
}

}  // namespace alexnode::cpu
