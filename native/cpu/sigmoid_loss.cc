// Cross-entropy of normalised sigmoids with its gradient and counts, row by row of [N, C]. The formula is in
// ops/loss.h.
#include <cmath>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loss_rows.h"
#include "cpu/simd/math.h"

namespace alexnode::cpu {

namespace {

using Op = SigmoidCrossEntropy;

template <class T>
ALEXNODE_INLINE float clipped(T x) {
  const float p = sigmoid_(x);
  return p < Op::low ? Op::low : p > Op::high ? Op::high : p;
}

/// Σ p and Σ log p of a row, p clipped.
struct Sums {
  float p, logs;
};

template <class T>
ALEXNODE_CLONES_TO_AVX2 Sums sums(const T* x, int64_t n) {
  float sum = 0, logs = 0;
#pragma omp simd reduction(+ : sum, logs)
  for (int64_t i = 0; i < n; i++) {
    const float p = clipped(x[i]);
    sum += p;
    logs += log_(p);
  }
  return {sum, logs};
}

/// dx = factor · (p / Σp - each) · (1 - p); 0 where p was clipped.
template <class T>
ALEXNODE_CLONES_TO_AVX2 void slopes(T* dx, const T* x, int64_t n, float sum, float factor, float each) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float p = sigmoid_(x[i]);
    const bool clipped = p < Op::low || p > Op::high;
    dx[i] = clipped ? 0.f : factor * (p / sum - each) * (1.f - p);
  }
}

}  // namespace

KernelPtr make(const SigmoidCrossEntropy& f, Specs specs) {
  settle_rows(specs, {Op::DLogits, Op::Logits});
  specs.settle_as(Op::Logits);
  return with_float(specs[Op::Logits].dtype, [&]<class T>(T) {
    const int64_t rows = specs.shape(Op::Logits)[0], columns = specs.shape(Op::Logits)[1], topk = f.topk;
    const auto run = [=](const Args& a) {
      const auto* logits = a.at<const T>(Op::Logits);
      const auto* labels = a.at<const int32_t>(Op::Labels);
      const int64_t valid = std::clamp<int64_t>(*a.at<const int32_t>(Op::Valid), 0, rows);
      const float factor = *a.at<const float>(Op::Factor) / float(std::max<int64_t>(valid, 1));
      const auto* smoothing = a.at<const float>(Op::Smoothing);
      const float smooth = smoothing ? *smoothing : 0, each = smooth / float(columns);
      auto* dlogits = a.at<T>(Op::DLogits);
      auto* results = static_cast<RowResult*>(a.scratch);
      each_row(rows, columns, [=](int64_t r) {
        const T* x = logits + r * columns;
        T* dx = dlogits ? dlogits + r * columns : nullptr;
        const int64_t label = labels[r];
        results[r] = {};
        if (r >= valid || label < 0 || label >= columns) {
          if (dx) std::fill(dx, dx + columns, T(0.f));
          return;
        }
        const float own = x[label], p = clipped(own);
        const auto [sum, logs] = sums(x, columns);
        double wanted = (1 - smooth) * std::log(double(p));
        if (smooth != 0) wanted += double(each) * logs;
        results[r] = {std::log(double(sum)) - wanted, 1, int32_t(before(x, columns, label))};
        if (!dx) return;
        slopes(dx, x, columns, sum, factor, each);
        // Computed again, not from dx: a stored bf16 is rounded.
        const float q = sigmoid_(own);
        const bool clipped = q < Op::low || q > Op::high;
        dx[label] = clipped ? 0.f : factor * (q / sum - (1 - smooth) - each) * (1.f - q);
      });
      write_stats(a.at<float>(Op::Stats), results, valid, topk);
    };
    return make_kernel(std::move(specs), "simd", run, size_t(rows) * sizeof(RowResult));
  });
}

}  // namespace alexnode::cpu
