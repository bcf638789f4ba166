// Batch normalisation of a batch that several processes share.
#include <cmath>
#include <cstdint>

#include "cpu/batch_norm.h"

namespace alexnode::cpu {

using namespace chunked;

KernelPtr make(const BatchNormMoments& f, Specs specs) {
  using Op = BatchNormMoments;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    const int64_t row = specs.shape(Op::Moments)[1], stored = specs[Op::Moments].stored();
    const auto run = [f, chunks, row, stored](const Args& a) {
      const auto& v = chunks.view;
      auto* first = chunks.row(a.scratch, 0);
      const auto* sums = chunks.gather_shifted(a.at<const T>(Op::X), first, a.scratch);
      const double count = double(v.n * v.pixels);
      std::fill_n(a.at<float>(Op::Moments), stored, 0.f);
      float* own = a.at<float>(Op::Moments) + f.slot * row;
      *own++ = float(count);
      for (int64_t c = 0; c < v.c; c++) {
        const double sum = sums[c], around = sums[chunks.channels + c] - sum * sum / count;
        own[c] = float(first[c] + sum / count);
        own[v.c + c] = around < 0 ? 0.f : float(around);
      }
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(1));
  });
}

KernelPtr make(const BatchNormCombine&, Specs specs) {
  using Op = BatchNormCombine;
  specs.settle_as(Op::Mean);
  const int64_t channels = specs.shape(Op::Mean)[0], shares = specs.shape(Op::Moments)[0];
  return make_kernel(std::move(specs), "plain", [=](const Args& a) {
    const auto* moments = a.at<const float>(Op::Moments);
    for (int64_t c = 0; c < channels; c++) {
      double count = 0, mean = 0, around = 0;
      for (int64_t s = 0; s < shares; s++) {
        const float* row = moments + s * (1 + 2 * channels);
        if (row[0] == 0) continue;
        const double whole = count + row[0], off = row[1 + c] - mean;
        around += row[1 + channels + c] + off * off * count * row[0] / whole;
        mean += off * row[0] / whole;
        count = whole;
      }
      a.at<float>(Op::Mean)[c] = float(mean);
      a.at<float>(Op::Var)[c] = count == 0 ? 0.f : float(around / count);
    }
  });
}

KernelPtr make(const BatchNormBackwardSums& f, Specs specs) {
  using Op = BatchNormBackwardSums;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::X, Op::DY});
    const auto run = [f, chunks](const Args& a) {
      const auto* sums = chunks.gather_centred(a.at<const T>(Op::DY), a.at<const T>(Op::X),
                                               a.at<const float>(Op::Mean), a.scratch);
      const int64_t channels = chunks.view.c;
      for (int64_t c = 0; c < channels; c++) {
        const double deviation = std::sqrt(double(a.at<const float>(Op::Var)[c]) + f.epsilon);
        auto* both = a.at<float>(Op::Sums);
        both[c] = a.at<float>(Op::DGamma)[c] = float(sums[chunks.channels + c] / deviation);
        both[channels + c] = a.at<float>(Op::DBeta)[c] = float(sums[c]);
      }
    };
    return make_kernel(std::move(specs), "simd", run, chunks.scratch(2));
  });
}

KernelPtr make(const BatchNormBackwardShared& f, Specs specs) {
  using Op = BatchNormBackwardShared;
  return with_view(std::move(specs), Op::X, [f]<class T>(Specs specs, Chunks chunks, T) {
    specs.same_layout({Op::DX, Op::X, Op::DY});
    const auto run = [f, chunks](const Args& a) {
      auto* from = static_cast<float*>(a.scratch);
      float* const rows[] = {from, from + chunks.channels, from + 2 * chunks.channels};
      const Slopes slopes{a.at<const float>(Op::Gamma), a.at<const float>(Op::Mean),
                          a.at<const float>(Op::Var), f.epsilon, double(f.count)};
      const auto* sums = a.at<const float>(Op::Sums);
      for (int64_t c = 0; c < chunks.view.c; c++) slopes.put(c, sums[c], sums[chunks.view.c + c], rows);
      combine_chunks(chunks, a.at<T>(Op::DX), a.at<const T>(Op::DY), a.at<const T>(Op::X), rows);
    };
    return make_kernel(std::move(specs), "simd", run, size_t(3 * chunks.channels) * 4);
  });
}

}  // namespace alexnode::cpu
