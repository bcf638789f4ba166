// Max and average pooling by our own kernels, in NCHW, NHWC and blocked layouts alike. oneDNN's keep an
// opaque workspace where we keep the winner's place in its window, and let a NaN go by.
//
// Eight channels side by side are worked on at once; in NCHW eight neighbouring outputs. Backward, each input
// gathers from the windows that see it: it is written once, summed in f32 in a fixed order, and no thread
// writes where another does. In NCHW max pooling scatters plane by plane instead.
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

constexpr int64_t kLanes = 8;
using F8 = float __attribute__((vector_size(32)));
using I8 = int32_t __attribute__((vector_size(32)));
using U8 = uint32_t __attribute__((vector_size(32)));
using Half8 = uint16_t __attribute__((vector_size(16)));
using Byte8 = uint8_t __attribute__((vector_size(8)));

// Loads and stores of eight neighbours (V = F8, I8) or of one element (V = float, int32_t).
template <class V, class T>
ALEXNODE_INLINE void load(V& out, const T* p) {
  if constexpr (sizeof(V) == sizeof(float)) {
    out = V(*p);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(&out, p, sizeof out);
  } else if constexpr (sizeof(T) == 2) {
    Half8 half;
    std::memcpy(&half, p, sizeof half);
    const U8 wide = __builtin_convertvector(half, U8) << 16;
    std::memcpy(&out, &wide, sizeof out);
  } else {
    Byte8 bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    out = __builtin_convertvector(bytes, V);
  }
}

template <class V, class T>
ALEXNODE_INLINE void load(V& out, const T* p, int64_t step) {
  if constexpr (sizeof(V) == sizeof(float)) {
    load(out, p);
  } else {
    for (int i = 0; i < kLanes; i++) out[i] = float(p[i * step]);
  }
}

template <class T, class V>
ALEXNODE_INLINE void store(T* p, const V& value) {
  if constexpr (sizeof(V) == sizeof(float)) {
    *p = T(value);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(p, &value, sizeof value);
  } else if constexpr (sizeof(T) == 2) {
    U8 u;
    std::memcpy(&u, &value, sizeof u);
    const I8 nan = value != value;
    u = nan ? (u >> 16 | 0x40) : (u + 0x7fff + (u >> 16 & 1)) >> 16;
    const auto half = __builtin_convertvector(u, Half8);
    std::memcpy(p, &half, sizeof half);
  } else {
    const auto bytes = __builtin_convertvector(value, Byte8);
    std::memcpy(p, &bytes, sizeof bytes);
  }
}

template <class V>
struct IndexOf {
  using type = I8;
};
template <>
struct IndexOf<float> {
  using type = int32_t;
};

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

/// Outputs `o` of a row: one of them in `V` = float, else eight: channels side by side or, with `step`,
/// outputs whose first cells are `step` elements apart.
template <bool kMax, class V, class T, class Index>
ALEXNODE_INLINE void forward_one(T* y, Index* index, const T* x, const Plan& p, Range rows, Range columns,
                                 int64_t step) {
  const int64_t pixel = p.x.pixel_stride, row = p.x.w * pixel;
  using I = typename IndexOf<V>::type;
  V best{};
  I where{};
  bool first = true;
  for (int64_t i = rows.begin; i < rows.end; i++)
    for (int64_t j = columns.begin; j < columns.end; j++) {
      V value;
      if (step)
        load(value, x + i * row + j * pixel, step);
      else
        load(value, x + i * row + j * pixel);
      const auto place = int32_t(i * p.horizontal.kernel + j);
      if constexpr (!kMax) {
        best += value;
      } else if (first) {
        best = value, where = I{} + place, first = false;
      } else {
        const auto take = (!(value <= best)) & (best == best);
        best = take ? value : best;
        where = take ? I{} + place : where;
      }
    }
  if constexpr (!kMax) best /= float(p.divisor(rows, columns));
  store(y, best);
  if constexpr (kMax)
    if (index) store(index, where);
}

/// One row of y. x, y and index: of the image and the block of channels.
template <bool kMax, class T, class Index>
ALEXNODE_CLONES void forward_row(T* y, Index* index, const T* x, const Plan& p, int64_t oy) {
  const Axis &v = p.vertical, &h = p.horizontal;
  const Range rows = v.cells[oy];
  const int64_t top = oy * v.stride - v.before;
  const auto at = [&](int64_t ox) { return x + (top * p.x.w + ox * h.stride - h.before) * p.x.pixel_stride; };
  const auto put = [&](int64_t ox) { return (oy * h.out + ox) * p.y.pixel_stride; };
  if (p.lanes == 1) {
    for (int64_t ox = 0; ox < h.out;) {
      const Range columns = h.cells[ox];
      const auto o = put(ox);
      Index* to = index ? index + o : nullptr;
      // Eight windows at once, where none of them hangs over an edge.
      if (ox + kLanes <= h.out && columns.begin == 0 && h.cells[ox + kLanes - 1].end == h.kernel) {
        forward_one<kMax, F8>(y + o, to, at(ox), p, rows, columns, h.stride);
        ox += kLanes;
      } else {
        forward_one<kMax, float>(y + o, to, at(ox), p, rows, columns, 0);
        ox++;
      }
    }
    return;
  }
  for (int64_t ox = 0; ox < h.out; ox++) {
    const Range columns = h.cells[ox];
    const T* from = at(ox);
    int64_t lane = 0;
    for (; lane + kLanes <= p.lanes; lane += kLanes) {
      const auto o = put(ox) + lane;
      forward_one<kMax, F8>(y + o, index ? index + o : nullptr, from + lane, p, rows, columns, 0);
    }
    for (; lane < p.lanes; lane++) {
      const auto o = put(ox) + lane;
      forward_one<kMax, float>(y + o, index ? index + o : nullptr, from + lane, p, rows, columns, 0);
    }
  }
}

/// What the windows that see input (iy, ix) give it.
template <bool kMax, class V, class T, class Index>
ALEXNODE_INLINE void gather_one(T* dx, const T* dy, const Index* index, const Plan& p, Range rows,
                                Range columns, int64_t iy, int64_t ix) {
  const Axis &v = p.vertical, &h = p.horizontal;
  using I = typename IndexOf<V>::type;
  V sum{};
  for (int64_t oy = rows.begin; oy < rows.end; oy++)
    for (int64_t ox = columns.begin; ox < columns.end; ox++) {
      const int64_t o = (oy * h.out + ox) * p.y.pixel_stride;
      V value;
      load(value, dy + o);
      if constexpr (kMax) {
        I winner;
        load(winner, index + o);
        const auto place =
            int32_t((iy + v.before - oy * v.stride) * h.kernel + ix + h.before - ox * h.stride);
        sum += winner == place ? value : V{};
      } else {
        sum += value / float(p.divisor(v.cells[oy], h.cells[ox]));
      }
    }
  store(dx, sum);
}

template <bool kMax, class T, class Index>
ALEXNODE_CLONES void gather_row(T* dx, const T* dy, const Index* index, const Plan& p, int64_t iy) {
  const Range rows = p.vertical.windows[iy];
  for (int64_t ix = 0; ix < p.horizontal.in; ix++) {
    const Range columns = p.horizontal.windows[ix];
    T* to = dx + (iy * p.horizontal.in + ix) * p.x.pixel_stride;
    int64_t lane = 0;
    for (; lane + kLanes <= p.lanes; lane += kLanes)
      gather_one<kMax, F8>(to + lane, dy + lane, index + lane, p, rows, columns, iy, ix);
    for (; lane < p.lanes; lane++)
      gather_one<kMax, float>(to + lane, dy + lane, index + lane, p, rows, columns, iy, ix);
  }
}

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
  return make_kernel(std::move(specs), "pool", [=](const Args& a) {
    auto* y = a.at<T>(y_slot);
    auto* index = index_slot < 0 ? nullptr : a.at<Index>(index_slot);
    const auto* x = a.at<T>(x_slot);
    each_row(p.y, [&](int64_t image, int64_t block, int64_t row) {
      const auto to = base(p.y, image, block);
      forward_row<kMax>(y + to, index ? index + to : nullptr, x + base(p.x, image, block), p, row);
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
  return make_kernel(std::move(specs), "pool", [=](const Args& a) {
    auto* dx = a.at<T>(dx_slot);
    const auto* dy = a.at<T>(dy_slot);
    const auto* index = index_slot < 0 ? nullptr : a.at<Index>(index_slot);
    each_row(p.x, [&](int64_t image, int64_t block, int64_t row) {
      const auto from = base(p.y, image, block);
      gather_row<kMax>(dx + base(p.x, image, block), dy + from, index + (kMax ? from : 0), p, row);
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
