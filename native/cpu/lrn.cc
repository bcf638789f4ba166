// Local response normalisation across channels, in any layout that an ImageView describes, for any size and
// exponent. A few pixels with all their channels are gathered into a tile that stays in the cache, with zeros
// between groups of channels and between pixels, so that a window is a sum over neighbours at a fixed step
// and one flat loop does a tile: the step is 1 where a tile keeps channels side by side, and the tile's
// number of pixels where it keeps pixels side by side (row-major layouts). The scale is not kept from forward
// to backward, as computing it again is cheaper than reading it.
#include "cpu/lrn.h"

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
    // A channel each, and zeros after each group.
    const int64_t gap = std::max(back, ahead), rows = f.groups * (group + gap);
    const int64_t room = (int64_t(28) << 10) / int64_t(sizeof(float)) / buffers,
                  all = (v.pixels + 15) / 16 * 16;
    if (pixel_lanes) {
      pixels = step = std::min(all, std::clamp<int64_t>(room / rows / 16 * 16, 16, 256));
      length = rows * pixels;
    } else {
      pitch = (rows + 7) / 8 * 8;
      pixels = std::min(all, std::clamp<int64_t>(room / pitch, 1, 64));
      length = (pixels * pitch + 15) / 16 * 16;
    }
    slack = (gap * step + 15) / 16 * 16;
    for (int64_t c = 0; c < v.c; c += runs.back().count) {
      const int64_t count = std::min(v.block - c % v.block, group - c % group);
      runs.push_back({count, v.at(0, c, 0), (c + c / group * gap) * step});
    }
  }
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

/// A tile's numbers, `count` side by side at a time: pixels of a channel, or channels of a pixel.
template <class T>
ALEXNODE_INLINE void gather(float* tile, const T* image, const Tiles& t, int64_t pixel, int64_t pixels) {
  for (const auto& run : t.runs) {
    const T* from = image + run.from + pixel * t.v.pixel_stride;
    float* to = tile + run.to;
    if (t.pixel_lanes) {
#pragma omp simd
      for (int64_t p = 0; p < pixels; p++) to[p] = from[p];
    } else if (run.count == 8) {
      for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
        for (int l = 0; l < 8; l++) to[p * t.pitch + l] = from[p * t.v.pixel_stride + l];
    } else {
      for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
        for (int64_t l = 0; l < run.count; l++) to[p * t.pitch + l] = from[p * t.v.pixel_stride + l];
    }
  }
}

template <class T>
ALEXNODE_INLINE void scatter(T* image, const float* tile, const Tiles& t, int64_t pixel, int64_t pixels) {
  for (const auto& run : t.runs) {
    T* to = image + run.from + pixel * t.v.pixel_stride;
    const float* from = tile + run.to;
    if (t.pixel_lanes) {
#pragma omp simd
      for (int64_t p = 0; p < pixels; p++) to[p] = from[p];
    } else if (run.count == 8) {
      for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
        for (int l = 0; l < 8; l++) to[p * t.v.pixel_stride + l] = from[p * t.pitch + l];
    } else {
      for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
        for (int64_t l = 0; l < run.count; l++) to[p * t.v.pixel_stride + l] = from[p * t.pitch + l];
    }
  }
  if (const int64_t last = t.v.c % t.v.block)  // padding channels
    for (int64_t p = 0; p < pixels; p++) {
      T* to = image + (t.v.blocks() - 1) * t.v.block_stride + (pixel + p) * t.v.pixel_stride;
      for (int64_t l = last; l < t.v.block; l++) to[l] = 0.f;
    }
}

/// Buffers of a tile: x and the result.
template <class T, int Size, class Power>
ALEXNODE_CLONES void forward_tile(T* y, const T* x, float* scratch, const Tiles& t, int64_t pixel,
                                  int64_t pixels, Power power) {
  float *in = scratch + t.slack, *out = in + t.buffer();
  gather(in, x, t, pixel, pixels);
  const Window<Size> window{t.back, t.ahead, t.step};
  if (!Size) window.sums(out, in, t.length, Square{});
#pragma omp simd
  for (int64_t i = 0; i < t.length; i++) {
    float p, inverse;
    power(t.k + t.alpha * (Size ? window.sum(in + i, Square{}) : out[i]), p, inverse);
    out[i] = in[i] * p;
  }
  scatter(y, out, t, pixel, pixels);
}

/// dx = dy·s^-β - 2αβ·x · Σ dy·x·s^(-β-1), the sum over the channels whose windows hold this one.
/// Buffers of a tile: x, then dy and the result, then the terms of the sum, then sums where Size is 0.
template <class T, int Size, class Power>
ALEXNODE_CLONES void backward_tile(T* dx, const T* x, const T* dy, float* scratch, const Tiles& t,
                                   int64_t pixel, int64_t pixels, bool relu, Power power) {
  float *in = scratch + t.slack, *out = in + t.buffer(), *terms = out + t.buffer(),
        *sums = terms + t.buffer();
  gather(in, x, t, pixel, pixels);
  gather(out, dy, t, pixel, pixels);
  const Window<Size> window{t.back, t.ahead, t.step};
  if (!Size) window.sums(sums, in, t.length, Square{});
#pragma omp simd
  for (int64_t i = 0; i < t.length; i++) {
    float p, inverse;
    power(t.k + t.alpha * (Size ? window.sum(in + i, Square{}) : sums[i]), p, inverse);
    out[i] *= p;
    terms[i] = in[i] != 0 ? out[i] * in[i] * inverse : 0.f;  // 0 between groups, whatever k is
  }
  const auto mirrored = window.mirrored();
  if (!Size) mirrored.sums(sums, terms, t.length, Itself{});
  const float factor = 2 * t.alpha * t.beta, least = relu ? 0.f : -INFINITY;
#pragma omp simd
  for (int64_t i = 0; i < t.length; i++) {
    const float d = out[i] - factor * in[i] * (Size ? mirrored.sum(terms + i, Itself{}) : sums[i]);
    out[i] = in[i] <= least ? 0.f : d;
  }
  scatter(dx, out, t, pixel, pixels);
}

/// tile(args, tiles, offset of the image, its first pixel, number of pixels, scratch) for every tile.
template <class F>
KernelPtr over_tiles(Specs specs, Tiles tiles, int buffers, F tile) {
  const int64_t pieces = workers(), floats = buffers * tiles.buffer();
  const auto run = [=, tiles = std::move(tiles)](const Args& a) {
    const int64_t in_image = tiles.in_image();
    each_worker(pieces, tiles.v.n * in_image, [&](int64_t worker, int64_t begin, int64_t end) {
      float* scratch = static_cast<float*>(a.scratch) + worker * floats;
      std::fill_n(scratch, floats, 0.f);
      for (int64_t i = begin; i < end; i++) {
        const int64_t pixel = i % in_image * tiles.pixels;
        tile(a, tiles, i / in_image * tiles.v.image_stride, pixel,
             std::min(tiles.pixels, tiles.v.pixels - pixel), scratch);
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
    return with_variant(f, specs.shape(Op::X)[1], [&]<class Power>(auto size, Power power) {
      constexpr int buffers = 2;
      Tiles tiles(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout), buffers);
      return over_tiles(std::move(specs), std::move(tiles), buffers,
                        [power](const Args& a, const Tiles& t, int64_t image, int64_t pixel, int64_t pixels,
                                float* scratch) {
                          forward_tile<T, decltype(size)::value>(a.at<T>(Op::Y) + image,
                                                                 a.at<const T>(Op::X) + image, scratch, t,
                                                                 pixel, pixels, power);
                        });
    });
  });
}

KernelPtr make(const LrnBackward& f, Specs specs) {
  using Op = LrnBackward;
  specs.settle_as(Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return with_variant(f, specs.shape(Op::X)[1], [&]<class Power>(auto size, Power power) {
      const int buffers = size ? 3 : 4;
      Tiles tiles(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout), buffers);
      return over_tiles(std::move(specs), std::move(tiles), buffers,
                        [power, relu = f.relu](const Args& a, const Tiles& t, int64_t image, int64_t pixel,
                                               int64_t pixels, float* scratch) {
                          backward_tile<T, decltype(size)::value>(
                              a.at<T>(Op::DX) + image, a.at<const T>(Op::X) + image,
                              a.at<const T>(Op::DY) + image, scratch, t, pixel, pixels, relu, power);
                        });
    });
  });
}

}  // namespace alexnode::cpu
