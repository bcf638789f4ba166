// Local response normalisation within a map: a window of size × size cells of the element's own channel. A
// map is copied into a plane with zeros between its rows and around it, so that windows are sums along the
// rows, then down the columns, in flat loops.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/lrn.h"

namespace alexnode::cpu {

namespace {

struct Planes {
  Planes(const LrnFields& f, const ImageView& view) : v(view), alpha(f.alpha), k(f.k), beta(f.beta) {
    const int64_t before = f.size / 2, after = f.size - 1 - before;
    const auto reach = [](int64_t cells, int64_t length) { return std::min(cells, length - 1); };
    pitch = v.w + reach(before, v.w);  // the zeros after a row are those before the next
    along = {reach(before, v.w), reach(after, v.w), 1};
    down = {reach(before, v.h), reach(after, v.h), pitch};
    length = v.h * pitch;
    slack = (down.back * pitch + along.back + 15) / 16 * 16;
  }
  int64_t buffer() const { return (length + 2 * slack + 15) / 16 * 16; }

  ImageView v;
  float alpha, k, beta;
  Window<0> along, down;
  int64_t pitch;   // from a row to the next
  int64_t length;  // of a plane
  int64_t slack;   // zeros before and after it
};

/// Between rows are zeros, whatever the map before has left there.
template <class T>
ALEXNODE_INLINE void gather(float* plane, const T* map, const Planes& s) {
  for (int64_t y = 0; y < s.v.h; y++) {
    float* row = plane + y * s.pitch;
    for (int64_t x = 0; x < s.v.w; x++) row[x] = map[(y * s.v.w + x) * s.v.pixel_stride];
    for (int64_t x = s.v.w; x < s.pitch; x++) row[x] = 0.f;
  }
}

template <class T>
ALEXNODE_INLINE void scatter(T* map, const float* plane, const Planes& s) {
  for (int64_t y = 0; y < s.v.h; y++)
    for (int64_t x = 0; x < s.v.w; x++) map[(y * s.v.w + x) * s.v.pixel_stride] = plane[y * s.pitch + x];
}

/// Planes: x, sums along rows, and the result.
template <class T, class Power>
ALEXNODE_CLONES_TO_AVX2 void forward_map(T* y, const T* x, float* scratch, const Planes& s, Power power) {
  float *in = scratch + s.slack, *part = in + s.buffer(), *out = part + s.buffer();
  gather(in, x, s);
  s.along.sums(part, in, s.length, Square{});
  s.down.sums(out, part, s.length, Itself{});
#pragma omp simd
  for (int64_t i = 0; i < s.length; i++) {
    float p, inverse;
    power(s.k + s.alpha * out[i], p, inverse);
    out[i] = in[i] * p;
  }
  scatter(y, out, s);
}

/// dx = dy·s^-β - 2αβ·x · Σ dy·x·s^(-β-1), the sum over the cells whose windows hold this one.
/// Planes: x, sums along rows, dy and the result, the scale's sums and then terms, their sums.
template <class T, class Power>
ALEXNODE_CLONES_TO_AVX2 void backward_map(T* dx, const T* x, const T* dy, float* scratch, const Planes& s,
                                          Power power) {
  float *in = scratch + s.slack, *part = in + s.buffer(), *out = part + s.buffer();
  float *terms = out + s.buffer(), *sums = terms + s.buffer();
  gather(in, x, s);
  gather(out, dy, s);
  s.along.sums(part, in, s.length, Square{});
  s.down.sums(terms, part, s.length, Itself{});
#pragma omp simd
  for (int64_t i = 0; i < s.length; i++) {
    float p, inverse;
    power(s.k + s.alpha * terms[i], p, inverse);
    // Where x is 0, as between rows, it is 0, even if k is 0 and the power infinite, unless dy is not finite.
    terms[i] = in[i] != 0 ? out[i] * p * in[i] * inverse : out[i] * in[i];
    out[i] *= p;
  }
  s.along.mirrored().sums(part, terms, s.length, Itself{});
  s.down.mirrored().sums(sums, part, s.length, Itself{});
  const float factor = 2 * s.alpha * s.beta;
#pragma omp simd
  for (int64_t i = 0; i < s.length; i++) out[i] -= factor * in[i] * sums[i];
  scatter(dx, out, s);
}

/// map(args, planes, offset of the map, scratch) for each map of each image, padding channels too.
template <class F>
KernelPtr over_maps(Specs specs, const Planes& planes, int buffers, F map) {
  const int64_t pieces = workers(), floats = buffers * planes.buffer();
  const auto run = [=](const Args& a) {
    const int64_t channels = planes.v.blocks() * planes.v.block;
    each_worker(pieces, planes.v.n * channels, [&](int64_t worker, int64_t begin, int64_t end) {
      float* scratch = static_cast<float*>(a.scratch) + worker * floats;
      std::fill_n(scratch, floats, 0.f);
      for (int64_t i = begin; i < end; i++)
        map(a, planes, planes.v.at(i / channels, i % channels, 0), scratch);
    });
  };
  return make_kernel(std::move(specs), "planes", run, size_t(pieces * floats) * sizeof(float));
}

}  // namespace

KernelPtr make(const LrnWithin& f, Specs specs) {
  using Op = LrnWithin;
  specs.settle_as(Op::X);
  specs.same_layout({Op::Y, Op::X});
  const Planes planes(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout));
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return with_power(f.beta, [&](auto power) {
      return over_maps(std::move(specs), planes, 3,
                       [power](const Args& a, const Planes& s, int64_t at, float* scratch) {
                         forward_map(a.at<T>(Op::Y) + at, a.at<const T>(Op::X) + at, scratch, s, power);
                       });
    });
  });
}

KernelPtr make(const LrnWithinBackward& f, Specs specs) {
  using Op = LrnWithinBackward;
  specs.settle_as(Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  const Planes planes(f, ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout));
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return with_power(f.beta, [&](auto power) {
      return over_maps(std::move(specs), planes, 5,
                       [power](const Args& a, const Planes& s, int64_t at, float* scratch) {
                         backward_map(a.at<T>(Op::DX) + at, a.at<const T>(Op::X) + at,
                                      a.at<const T>(Op::DY) + at, scratch, s, power);
                       });
    });
  });
}

}  // namespace alexnode::cpu
