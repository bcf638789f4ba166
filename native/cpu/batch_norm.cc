// Batch normalisation: the ops of one process. Those of a batch that several share: batch_norm_shared.cc.
#include "cpu/batch_norm.h"

#include <cmath>
#include <cstdint>

namespace alexnode::cpu {

using namespace chunked;

KernelPtr make(const BatchNorm& f, Specs specs) {
  using Op = BatchNorm;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::Y, Op::X});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      auto *scale = chunks.row(a.scratch, 0), *shift = chunks.row(a.scratch, 1);
      const T* x = a.at<const T>(Op::X);
      const auto* sums = chunks.gather_shifted(x, shift, a.scratch);
      const double count = double(v.n * v.pixels);
      for (int64_t c = 0; c < chunks.channels; c++) {
        if (c >= v.c) {
          scale[c] = shift[c] = 0;
          continue;
        }
        const double mean = sums[c] / count;
        const double around = sums[chunks.channels + c] / count - mean * mean, var = around < 0 ? 0 : around;
        a.at<float>(Op::Mean)[c] = float(shift[c] + mean);
        a.at<float>(Op::Var)[c] = float(var);
        const double inverse = a.at<const float>(Op::Gamma)[c] / std::sqrt(var + f.epsilon);
        scale[c] = float(inverse);
        shift[c] = float(a.at<const float>(Op::Beta)[c] - (shift[c] + mean) * inverse);
      }
      T* y = a.at<T>(Op::Y);
      chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
        affine(y + at, x + at, v.pixels, v.block, scale + c, shift + c, f.relu ? 0.f : -INFINITY);
      });
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(2));
  });
}

KernelPtr make(const BatchNormBackward& f, Specs specs) {
  using Op = BatchNormBackward;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::DX, Op::X, Op::DY});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      const auto sums = chunks.gather_centred(a.at<const T>(Op::DY), a.at<const T>(Op::X),
                                              a.at<const float>(Op::Mean), a.scratch);
      float* const rows[] = {chunks.row(a.scratch, 0), chunks.row(a.scratch, 1), chunks.row(a.scratch, 2)};
      const Slopes slopes{a.at<const float>(Op::Gamma), a.at<const float>(Op::Mean),
                          a.at<const float>(Op::Var), f.epsilon, double(v.n * v.pixels)};
      for (int64_t c = 0; c < v.c; c++) {
        const double dshift = sums[c], dscale = sums[chunks.channels + c] * slopes.inverse(c);
        a.at<float>(Op::DBeta)[c] = float(dshift);
        a.at<float>(Op::DGamma)[c] = float(dscale);
        slopes.put(c, dscale, dshift, rows);
      }
      combine_chunks(chunks, a.at<T>(Op::DX), a.at<const T>(Op::DY), a.at<const T>(Op::X), rows);
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(3));
  });
}

KernelPtr make(const BatchNormInference& f, Specs specs) {
  using Op = BatchNormInference;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::Y, Op::X});
    const auto run = [f, chunks](const Args& a) {
      const auto& v = chunks.view;
      auto *scale = static_cast<float*>(a.scratch), *shift = scale + chunks.channels;
      std::fill(scale, scale + 2 * chunks.channels, 0.f);
      for (int64_t c = 0; c < v.c; c++) {
        const double k =
            a.at<const float>(Op::Gamma)[c] / std::sqrt(double(a.at<const float>(Op::Var)[c]) + f.epsilon);
        scale[c] = float(k);
        shift[c] = float(a.at<const float>(Op::Beta)[c] - a.at<const float>(Op::Mean)[c] * k);
      }
      const T* x = a.at<const T>(Op::X);
      T* y = a.at<T>(Op::Y);
      chunks.each_chunk([&](int64_t at, int64_t c, int64_t) {
        affine(y + at, x + at, v.pixels, v.block, scale + c, shift + c, f.relu ? 0.f : -INFINITY);
      });
    };
    return make_kernel(std::move(specs), "simd", run, size_t(2 * chunks.channels) * 4);
  });
}

KernelPtr make(const BatchNormUpdate& f, Specs specs) {
  using Op = BatchNormUpdate;
  specs.settle_as(Op::RunningMean);
  const int64_t channels = specs.shape(Op::Mean)[0];
  const bool guarded = specs.has(Op::Ok);
  return make_kernel(std::move(specs), "plain", [f, channels, guarded](const Args& a) {
    if (guarded && !*a.at<const int32_t>(Op::Ok)) return;
    auto *mean = a.at<float>(Op::RunningMean), *var = a.at<float>(Op::RunningVar);
    const float unbiased = f.count > 1 ? float(f.count) / float(f.count - 1) : 1;
    for (int64_t c = 0; c < channels; c++) {
      mean[c] += f.momentum * (a.at<const float>(Op::Mean)[c] - mean[c]);
      var[c] += f.momentum * (a.at<const float>(Op::Var)[c] * unbiased - var[c]);
    }
  });
}

}  // namespace alexnode::cpu
