// From the bytes of stored images to a net's input: cropped, mirrored, colours shifted, normalised. A row of
// one channel is first computed as a row of floats, so that few loops serve all layouts, types and means.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/philox_crop.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

/// row = x - mean, of every `xs`-th byte; `ms` is 0 for one mean, and -1 where it runs the other way.
ALEXNODE_INLINE void subtract_strided(float* row, const uint8_t* x, int64_t xs, const float* mean, int64_t ms,
                                      int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) row[i] = float(x[i * xs]) - mean[i * ms];
}

ALEXNODE_CLONES void subtract(float* row, const uint8_t* x, int64_t xs, const float* mean, int64_t ms,
                              int64_t n) {
  if (xs == 3 && ms == 0)
    subtract_strided(row, x, 3, mean, 0, n);
  else if (xs == 3 && ms == 1)
    subtract_strided(row, x, 3, mean, 1, n);
  else if (xs == 3)
    subtract_strided(row, x, 3, mean, -1, n);
  else
    subtract_strided(row, x, xs, mean, ms, n);
}

/// y = (row + shift) · factor, with `stride` between elements, negative for a mirrored row.
template <class Y>
ALEXNODE_CLONES void finish(Y* y, int64_t stride, const float* row, int64_t n, float shift, float factor) {
  if (stride == 1) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = (row[i] + shift) * factor;
  } else if (stride == -1) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[-i] = (row[i] + shift) * factor;
  } else {
    for (int64_t i = 0; i < n; i++) y[i * stride] = (row[i] + shift) * factor;
  }
}

int64_t padded(int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

KernelPtr make(const Crop& f, Specs specs) {
  using Op = Crop;
  if (specs[Op::X].layout == "any") specs[Op::X].layout = "acdb";
  if (specs[Op::X].layout != "acdb")
    specs.fail("x: expected the layout 'acdb', got '", specs[Op::X].layout, "'; reorder first");
  specs.settle_as(Op::X);
  const auto xv = ImageView::of(specs.op, specs.shape(Op::X), specs[Op::X].layout);
  const auto yv = ImageView::of(specs.op, specs.shape(Op::Y), specs[Op::Y].layout);
  const CropDraws draws{f.top,
                        f.left,
                        f.offsets[0],
                        f.offsets[1],
                        f.shared,
                        f.sigma,
                        uint32_t(f.purpose),
                        uint32_t(f.colour_purpose),
                        int(xv.c),
                        f.mirrored,
                        f.flip};
  const bool image = specs.has(Op::Mean) && specs.shape(Op::Mean).size() == 3;
  const auto pieces = workers();
  const int64_t line = padded(yv.w * 4), places_bytes = padded(yv.n * int64_t(sizeof(CropPlace)));
  return with_float(specs[Op::Y].dtype, [&]<class Y>(Y) {
    const auto run = [=, fixed = f.fixed_mean](const Args& a) {
      auto* places = static_cast<CropPlace*>(a.scratch);
      draw_places(places, yv.n, draws, a.at<const uint32_t>(Op::Rng), a.at<const float>(Op::Colours));
      const float *mean = a.at<const float>(Op::Mean), *factor = a.at<const float>(Op::Factor);
      const float none = 0;
      each_worker(pieces, yv.n * yv.h, [&](int64_t worker, int64_t begin, int64_t end) {
        auto* row = reinterpret_cast<float*>(static_cast<char*>(a.scratch) + places_bytes + worker * line);
        for (int64_t i = begin; i < end; i++) {
          const int64_t n = i / yv.h, r = i % yv.h;
          const auto& place = places[n];
          const int64_t from = (place.top + r) * xv.w + place.left;  // pixel of x
          const auto* x = a.at<const uint8_t>(Op::X) + xv.at(n, 0, from);
          const int64_t step = place.mirrored ? -yv.pixel_stride : yv.pixel_stride;
          for (int64_t c = 0; c < yv.c; c++) {
            const float* m = !mean ? &none : mean + c;
            int64_t ms = 0;
            if (image && fixed) {
              m = mean + c * yv.pixels + r * yv.w + (place.mirrored ? yv.w - 1 : 0);
              ms = place.mirrored ? -1 : 1;
            } else if (image) {
              m = mean + c * xv.pixels + from;
              ms = 1;
            }
            subtract(row, x + c, xv.pixel_stride, m, ms, yv.w);
            Y* y = a.at<Y>(Op::Y) + yv.at(n, c, r * yv.w + (place.mirrored ? yv.w - 1 : 0));
            finish(y, step, row, yv.w, place.shift[c < Op::kColours ? c : 0], factor ? factor[c] : 1.f);
          }
          if (r == 0) clear_padding(a.at<Y>(Op::Y), yv, n);
        }
      });
    };
    return make_kernel(std::move(specs), "rows", run, size_t(places_bytes + pieces * line));
  });
}

}  // namespace alexnode::cpu
