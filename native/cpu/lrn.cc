// Local response normalisation across channels, in any layout that an ImageView describes, for any size and
// exponent. The squares of a few pixels with all their channels go to a tile that stays in the cache,
// with zeros between groups of channels and between pixels, so that a window is a sum over neighbours at a
// fixed step: 1 where a tile keeps channels side by side, and the tile's number of pixels where it keeps
// pixels side by side (row-major layouts). bf16 is widened into copies that lie as in the image, in long
// loops, since short loops over two sizes of numbers vectorise badly. The scale is not kept from
// forward to backward, as computing it again is cheaper than reading it.
#include "cpu/lrn.h"

#include <array>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace alexnode::cpu {

namespace {

/// Channels of one pixel that lie side by side both in the tensor and in the tile.
struct Run {
  int64_t count, from, to;  // from: in the tensor's image; to: in the tile
};

struct Tiles {
  Tiles(const LrnGroupedFields& f, const ImageView& view, int buffers)
      : v(view), pixel_lanes(view.pixel_stride == 1), alpha(f.alpha), k(f.k), beta(f.beta) {
    const int64_t group = v.c / f.groups, before = f.size / 2;
    back = std::min(before, group - 1), ahead = std::min(f.size - 1 - before, group - 1);
    // A channel each, and zeros after each group; if whole vectors fit into a group, enough zeros that none
    // crosses cache lines.
    const int64_t unit = pixel_lanes || group % 16 ? 1 : 16;
    const int64_t gap = (std::max(back, ahead) + unit - 1) / unit * unit, rows = f.groups * (group + gap);
    // A share of the second-level cache: long runs of pixels are read faster than tiles that fit the first
    // level.
    const int64_t room = (int64_t(112) << 10) / int64_t(sizeof(float)) / buffers,
                  all = (v.pixels + 15) / 16 * 16;
    if (pixel_lanes) {
      pixels = step = std::min(all, std::clamp<int64_t>(room / rows / 16 * 16, 16, 256));
      length = rows * pixels;
    } else {
      pitch = (rows + 7) / 8 * 8;
      pixels = std::min(all, std::clamp<int64_t>(room / pitch, 1, 128));
      length = (pixels * pitch + 15) / 16 * 16;
    }
    slack = (gap * step + 15) / 16 * 16;
    for (int64_t c = 0; c < v.c; c += runs.back().count) {
      const int64_t count = std::min(v.block - c % v.block, group - c % group);
      runs.push_back({count, v.at(0, c, 0), (c + c / group * gap) * step});
    }
  }
  /// The same of a copy of a tile's image elements, pixel by pixel or channel by channel as they lie there.
  Tiles copied() const {
    Tiles t = *this;
    t.v.block_stride = pixels * v.block, t.v.pixel_stride = v.block;
    for (int64_t c = 0; auto& run : t.runs) run.from = t.v.at(0, c, 0), c += run.count;
    return t;
  }
  int64_t copy() const { return (v.blocks() * v.block * pixels + 15) / 16 * 16; }
  int64_t in_image() const { return (v.pixels + pixels - 1) / pixels; }
  int64_t buffer() const { return length + 2 * slack; }

  ImageView v;
  bool pixel_lanes;
  float alpha, k, beta;
  int64_t back, ahead;  // how far a window reaches
  int64_t pixels;       // of a tile
  int64_t step = 1;     // from a channel to the next
  int64_t pitch = 1;    // from a pixel to the next
  int64_t length;       // of a tile
  int64_t slack;        // zeros before and after it, as far as a window reaches
  std::vector<Run> runs;
};

/// f(place in the image, place in the tile) for all numbers of a tile, in vector code: pixels of a channel,
/// or channels of a pixel, `count` of them side by side.
template <class F>
ALEXNODE_INLINE void each_number(const Tiles& t, int64_t pixel, int64_t pixels, const F& f) {
  for (const auto& run : t.runs) {
    const int64_t from = run.from + pixel * t.v.pixel_stride, stride = t.v.pixel_stride, pitch = t.pitch;
    const auto side_by_side = [&](auto count) ALEXNODE_INLINED {
      for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
        for (int64_t l = 0; l < count; l++) f(from + p * stride + l, run.to + p * pitch + l);
    };
    if (t.pixel_lanes) {
#pragma omp simd
      for (int64_t p = 0; p < pixels; p++) f(from + p, run.to + p);
    } else if (run.count == 16) {
      side_by_side(std::integral_constant<int64_t, 16>());
    } else if (run.count == 8) {
      side_by_side(std::integral_constant<int64_t, 8>());
    } else {
      side_by_side(run.count);
    }
  }
}

/// Zeros in the padding channels.
ALEXNODE_INLINE void pad(float* image, const Tiles& t, int64_t pixel, int64_t pixels) {
  if (const int64_t last = t.v.c % t.v.block)
    for (int64_t p = 0; p < pixels; p++) {
      float* to = image + (t.v.blocks() - 1) * t.v.block_stride + (pixel + p) * t.v.pixel_stride;
      for (int64_t l = last; l < t.v.block; l++) to[l] = 0.f;
    }
}

/// Buffers of a tile: squares, and where Size is 0 their sums. y may be x.
template <int Size, class Power>
ALEXNODE_CLONES void forward_tile(float* y, const float* x, float* scratch, const Tiles& t, int64_t pixel,
                                  int64_t pixels, Power power) {
  float *squares = scratch + t.slack, *sums = squares + t.buffer();
  each_number(t, pixel, pixels, [=](int64_t i, int64_t at) ALEXNODE_INLINED {
    const float value = x[i];
    squares[at] = value * value;
  });
  const Window<Size> window{t.back, t.ahead, t.step};
  if (!Size) window.sums(sums, squares, t.length, Itself{});
  const float k = t.k, alpha = t.alpha;
  each_number(t, pixel, pixels, [=](int64_t i, int64_t at) ALEXNODE_INLINED {
    float p, inverse;
    power(k + alpha * (Size ? window.sum(squares + at, Itself{}) : sums[at]), p, inverse);
    y[i] = x[i] * p;
  });
  pad(y, t, pixel, pixels);
}

/// dx = dy·s^-β - 2αβ·x · Σ dy·x·s^(-β-1), the sum over the channels whose windows hold this one.
/// Buffers of a tile: squares, dy·s^-β, and the terms of the sum; where Size is 0 sums. dx may be dy.
template <int Size, class Power>
ALEXNODE_CLONES void backward_tile(float* dx, const float* x, const float* dy, float* scratch, const Tiles& t,
                                   int64_t pixel, int64_t pixels, bool relu, Power power) {
  float *squares = scratch + t.slack, *first = squares + t.buffer(), *terms = first + t.buffer(),
        *sums = terms + t.buffer();
  each_number(t, pixel, pixels, [=](int64_t i, int64_t at) ALEXNODE_INLINED {
    const float value = x[i];
    squares[at] = value * value;
  });
  const Window<Size> window{t.back, t.ahead, t.step}, mirrored = window.mirrored();
  if (!Size) window.sums(sums, squares, t.length, Itself{});
  const float k = t.k, alpha = t.alpha;
  each_number(t, pixel, pixels, [=](int64_t i, int64_t at) ALEXNODE_INLINED {
    float p, inverse;
    power(k + alpha * (Size ? window.sum(squares + at, Itself{}) : sums[at]), p, inverse);
    const float scaled = dy[i] * p;
    first[at] = scaled;
    // Where x is 0 it is 0, even if k is 0 and the power infinite, unless dy is not finite.
    terms[at] = x[i] != 0 ? scaled * x[i] * inverse : dy[i] * x[i];
  });
  if (!Size) mirrored.sums(sums, terms, t.length, Itself{});
  const float factor = 2 * t.alpha * t.beta, least = relu ? 0.f : NAN;
  each_number(t, pixel, pixels, [=](int64_t i, int64_t at) ALEXNODE_INLINED {
    const float value = x[i];
    const float d = first[at] - factor * value * (Size ? mirrored.sum(terms + at, Itself{}) : sums[at]);
    dx[i] = value <= least ? 0.f : d;
  });
  pad(dx, t, pixel, pixels);
}

/// Between an image of bf16 numbers and a tile's copy of it in f32.
template <class To, class From>
ALEXNODE_CLONES void convert(To* to, const From* from, int64_t to_stride, int64_t from_stride, int64_t blocks,
                             int64_t n) {
  for (int64_t b = 0; b < blocks; b++, to += to_stride, from += from_stride)
#pragma omp simd
    for (int64_t i = 0; i < n; i++) to[i] = from[i];
}

/// tile(out, ins…, scratch, tiles, first pixel, number of pixels) for every tile, in f32: of the tensors, or
/// of copies.
template <class T, size_t kIns, class F>
KernelPtr over_tiles(Specs specs, Tiles tiles, int buffers, int out, std::array<int, kIns> ins,
                     const F& tile) {
  constexpr bool kCopies = !std::is_same_v<T, float>;
  const int64_t pieces = workers(), copy = kCopies ? tiles.copy() : 0,
                floats = buffers * tiles.buffer() + int64_t(kIns) * copy;
  const auto copied = tiles.copied();
  const auto run = [=](const Args& a) {
    const int64_t in_image = tiles.in_image();
    const auto& v = tiles.v;
    each_worker(pieces, v.n * in_image, [&](int64_t worker, int64_t begin, int64_t end) {
      float* scratch = static_cast<float*>(a.scratch) + worker * floats;
      std::fill_n(scratch, floats, 0.f);
      for (int64_t i = begin; i < end; i++) {
        const int64_t image = i / in_image * v.image_stride, pixel = i % in_image * tiles.pixels;
        const int64_t pixels = std::min(tiles.pixels, v.pixels - pixel);
        if constexpr (kCopies) {
          const int64_t at = image + pixel * v.pixel_stride, n = pixels * v.block;
          float* copies[kIns];
          for (size_t in = 0; in < kIns; in++) {
            copies[in] = scratch + buffers * tiles.buffer() + int64_t(in) * copy;
            convert(copies[in], a.at<const T>(ins[in]) + at, copied.v.block_stride, v.block_stride,
                    v.blocks(), n);
          }
          tile(copies[kIns - 1], copies, scratch, copied, 0, pixels);
          convert(a.at<T>(out) + at, copies[kIns - 1], v.block_stride, copied.v.block_stride, v.blocks(), n);
        } else {
          const float* from[kIns];
          for (size_t in = 0; in < kIns; in++) from[in] = a.at<const T>(ins[in]) + image;
          tile(a.at<T>(out) + image, from, scratch, tiles, pixel, pixels);
        }
      }
    });
  };
  return make_kernel(std::move(specs), "tiles", run, size_t(pieces * floats) * sizeof(float));
}

/// make(Size, Power): the paper's size and exponent as compile-time constants, or any.
template <class F>
KernelPtr with_variant(const LrnGroupedFields& f, int64_t channels, const F& make) {
  if (f.size == 5 && f.beta == .75f && channels / f.groups >= 3)
    return make(std::integral_constant<int, 5>(), PowerQuarters3{});
  return make(std::integral_constant<int, 0>(), PowerAny{f.beta});
}

}  // namespace

KernelPtr make(const Lrn& f, Specs specs) {
  using Op = Lrn;
  specs.settle_as(Op::X);
  specs.same_layout({Op::Y, Op::X});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return with_variant(
        f, specs.shape(Op::X)[1], [&]<int kSize>(std::integral_constant<int, kSize>, auto power) {
          constexpr int buffers = kSize ? 1 : 2;
          Tiles tiles(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout),
                      buffers + (sizeof(T) == 2));
          return over_tiles<T>(
              std::move(specs), std::move(tiles), buffers, Op::Y, std::array<int, 1>{Op::X},
              [power](float* y, const auto& ins, float* scratch, const Tiles& t, int64_t pixel,
                      int64_t pixels) { forward_tile<kSize>(y, ins[0], scratch, t, pixel, pixels, power); });
        });
  });
}

KernelPtr make(const LrnBackward& f, Specs specs) {
  using Op = LrnBackward;
  specs.settle_as(Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return with_variant(
        f, specs.shape(Op::X)[1], [&]<int kSize>(std::integral_constant<int, kSize>, auto power) {
          constexpr int buffers = kSize ? 3 : 4;
          Tiles tiles(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout),
                      buffers + 2 * (sizeof(T) == 2));
          return over_tiles<T>(
              std::move(specs), std::move(tiles), buffers, Op::DX, std::array<int, 2>{Op::X, Op::DY},
              [power, relu = f.relu](float* dx, const auto& ins, float* scratch, const Tiles& t,
                                     int64_t pixel, int64_t pixels) {
                backward_tile<kSize>(dx, ins[0], ins[1], scratch, t, pixel, pixels, relu, power);
              });
        });
  });
}

}  // namespace alexnode::cpu
