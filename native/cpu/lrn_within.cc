// Local response normalisation within a map: a window of size × size cells of the element's own channel. Rare
// (one layer of one recipe), so plain: sums along rows, then along columns, an image's channel at a time.
#include <cmath>

#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace alexnode::cpu {

namespace {

struct Window {
  int64_t h, w, size;
  int64_t before() const { return size / 2; }
  int64_t after() const { return size - 1 - size / 2; }

  /// out = Σ of in over the window around each cell; `mirrored`: over the cells whose window holds it.
  void sum(float* out, float* along, const float* in, bool mirrored) const {
    const int64_t back = mirrored ? after() : before(), ahead = mirrored ? before() : after();
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++) {
        float s = 0;
        for (int64_t i = std::max<int64_t>(0, x - back); i <= std::min(w - 1, x + ahead); i++)
          s += in[y * w + i];
        along[y * w + x] = s;
      }
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++) {
        float s = 0;
        for (int64_t i = std::max<int64_t>(0, y - back); i <= std::min(h - 1, y + ahead); i++)
          s += along[i * w + x];
        out[y * w + x] = s;
      }
  }
};

/// f(view, offset of a map, three maps of scratch) for each map of each image.
template <class F>
KernelPtr over_maps(Specs specs, int like, F f) {
  const auto v = ImageView::of(specs.op, specs.shape(like), specs[like].layout);
  const auto pieces = workers();
  const auto run = [=](const Args& a) {
    each_worker(pieces, v.n * v.blocks() * v.block, [&](int64_t worker, int64_t begin, int64_t end) {
      float* scratch = static_cast<float*>(a.scratch) + worker * 3 * v.pixels;
      for (int64_t i = begin; i < end; i++)
        f(a, v, v.at(i / (v.blocks() * v.block), i % (v.blocks() * v.block), 0), scratch);
    });
  };
  return make_kernel(std::move(specs), "plain", run, size_t(pieces * 3 * v.pixels) * 4);
}

}  // namespace

KernelPtr make(const LrnWithin& f, Specs specs) {
  using Op = LrnWithin;
  specs.settle_as(Op::X);
  specs.same_layout({Op::Y, Op::X});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return over_maps(std::move(specs), Op::X, [f](const Args& a, const ImageView& v, int64_t at, float* s) {
      const T* x = a.at<const T>(Op::X) + at;
      T* y = a.at<T>(Op::Y) + at;
      float *squares = s, *along = s + v.pixels, *sums = s + 2 * v.pixels;
      for (int64_t p = 0; p < v.pixels; p++)
        squares[p] = float(x[p * v.pixel_stride]) * float(x[p * v.pixel_stride]);
      Window{v.h, v.w, f.size}.sum(sums, along, squares, false);
      for (int64_t p = 0; p < v.pixels; p++)
        y[p * v.pixel_stride] = float(x[p * v.pixel_stride]) * std::pow(f.k + f.alpha * sums[p], -f.beta);
    });
  });
}

KernelPtr make(const LrnWithinBackward& f, Specs specs) {
  using Op = LrnWithinBackward;
  specs.settle_as(Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    return over_maps(std::move(specs), Op::X, [f](const Args& a, const ImageView& v, int64_t at, float* s) {
      const T *x = a.at<const T>(Op::X) + at, *dy = a.at<const T>(Op::DY) + at;
      T* dx = a.at<T>(Op::DX) + at;
      float *work = s, *along = s + v.pixels, *scale = s + 2 * v.pixels;
      const Window window{v.h, v.w, f.size};
      const auto get = [&](const T* t, int64_t p) { return float(t[p * v.pixel_stride]); };
      for (int64_t p = 0; p < v.pixels; p++) work[p] = get(x, p) * get(x, p);
      window.sum(scale, along, work, false);
      for (int64_t p = 0; p < v.pixels; p++) {
        scale[p] = f.k + f.alpha * scale[p];
        work[p] = get(dy, p) * get(x, p) * std::pow(scale[p], -f.beta - 1);
      }
      // dx = dy·scale^-β - 2αβ·x · Σ dy·x·scale^(-β-1), the sum over the cells whose window holds this one.
      for (int64_t p = 0; p < v.pixels; p++) scale[p] = get(dy, p) * std::pow(scale[p], -f.beta);
      window.sum(work, along, work, true);
      for (int64_t p = 0; p < v.pixels; p++)
        dx[p * v.pixel_stride] = scale[p] - 2 * f.alpha * f.beta * get(x, p) * work[p];
    });
  });
}

}  // namespace alexnode::cpu
