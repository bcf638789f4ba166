// Max and average pooling by our own kernels, in NCHW, NHWC and blocked layouts alike. oneDNN's keep an
// opaque workspace where we keep the winner's place in its window, and let a NaN go by.
//
// Eight or sixteen channels side by side are worked on at once; in NCHW eight outputs. Backward, each input
// gathers from the windows that see it: it is written once, summed in f32 in a fixed order, and no thread
// writes where another does. In NCHW max pooling scatters plane by plane instead.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/pool_lanes.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

using namespace lanes;

struct Range {
  int64_t begin, end;
};

/// The windows along one axis.
struct Axis {
  Axis(int64_t kernel, int64_t stride, int64_t before, int64_t in, int64_t out)
      : kernel(kernel), stride(stride), before(before), in(in), out(out) {
    for (int64_t o = 0; o < out; o++) {
      const int64_t start = o * stride - before;
      cells.push_back({std::max<int64_t>(-start, 0), std::min(kernel, in - start)});
    }
    for (int64_t i = 0; i < in; i++) {
      const int64_t first = std::max<int64_t>(i + before - kernel + 1, 0);
      windows.push_back({(first + stride - 1) / stride, std::min((i + before) / stride + 1, out)});
    }
  }
  int64_t kernel, stride, before, in, out;
  std::vector<Range> cells;    // of each window, those that lie inside
  std::vector<Range> windows;  // that see each input
};

struct Plan {
  Axis vertical, horizontal;
  ImageView x, y;
  int64_t lanes;  // channels that lie side by side; 1 in NCHW
  bool include_padding = true;
  int64_t divisor(Range a, Range b) const {
    return include_padding ? vertical.kernel * horizontal.kernel : (a.end - a.begin) * (b.end - b.begin);
  }
};

/// As ImageView::of, but NCHW stays NCHW for images of one pixel: x may be one pixel where y is not.
ImageView view(const Specs& s, int slot) {
  auto v = ImageView::of(s.op, s[slot].shape, s[slot].layout);
  if (s[slot].layout == "abcd") v.block = 1, v.block_stride = v.pixels, v.pixel_stride = 1;
  return v;
}

Plan make_plan(const PoolFields& f, const Specs& s, int x, int y) {
  const auto vx = view(s, x), vy = view(s, y);
  return {{f.kernel[0], f.stride[0], f.padding[0], vx.h, vy.h},
          {f.kernel[1], f.stride[1], f.padding[2], vx.w, vy.w},
          vx,
          vy,
          vx.block};
}

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

/// One row of y. x, y and index: of the image and the block of channels.
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
          average<L>(y + o, from, c, step, float(p.divisor(rows, columns)));
      };
      constexpr std::integral_constant<int, 0> any;
      // In NCHW eight windows at once, where none of them hangs over an edge.
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
      sum[0] += value[0] / float(p.divisor(p.vertical.cells[oy], p.horizontal.cells[ox]));
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

/// A plane of NCHW: dy goes to the winner's place. `sums` is the plane in f32.
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
      sums[iy * h.in + ix] += float(dy[o]);
    }
}

/// f(image and block of channels, row) for each row of an image tensor.
template <class F>
void each_row(const ImageView& v, const F& f) {
  const int64_t items = v.n * v.blocks() * v.h;
  const int64_t work = std::max<int64_t>(v.w * v.block, 1);
  split(
      items,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) f(i / v.h / v.blocks(), i / v.h % v.blocks(), i % v.h);
      },
      8192 / work, 1);
}

int64_t base(const ImageView& v, int64_t image, int64_t block) {
  return image * v.image_stride + block * v.block_stride;
}

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
      // A block's filling is zero by rule, and a first cell behind padding has not the place 0.
      if (const auto filled = p.y.c - block * p.y.block; index && filled < p.y.block)
        for (auto *at = index + to + row * p.y.w * p.y.block, *end = at + p.y.w * p.y.block; at < end;
             at += p.y.block)
          std::fill(at + filled, at + p.y.block, Index(0));
    });
  });
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

/// x's layout, or y's, becomes that of all; a layout of their own they cannot have.
void same_layout(Specs& specs, std::initializer_list<int> slots) {
  std::string layout = "any";
  for (int i : slots)
    if (specs.has(i) && layout == "any") layout = specs[i].layout;
  if (layout == "any") layout = "abcd";
  for (int i : slots) {
    if (!specs.has(i)) continue;
    auto& s = specs[i];
    if (s.layout == "any") s.layout = layout;
    if (s.layout != layout)
      specs.fail(specs.slots[i].name, ": expected the layout ", layout,
                 " as the other tensors of this call, got ", s.layout, "; reorder it first");
  }
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

KernelPtr make(const AvgPool& f, Specs specs) {
  using Op = AvgPool;
  same_layout(specs, {Op::X, Op::Y});
  auto p = make_plan(f, specs, Op::X, Op::Y);
  p.include_padding = f.include_padding;
  return with_float(specs[Op::X].dtype, [&](auto t) {
    return forward<false, decltype(t), uint8_t>(std::move(specs), p, Op::Y, Op::X, -1);
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
