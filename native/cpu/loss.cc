// Softmax, its backward, and cross-entropy with its gradient and counts, row by row of [N, C].
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loss_rows.h"
#include "cpu/simd/math.h"

namespace alexnode::cpu {

namespace {

/// The largest of a row, and Σ exp(x - largest); NaN where a logit is.
struct LogSum {
  float largest, sum;
};

template <class T>
ALEXNODE_CLONES LogSum log_sum(const T* x, int64_t n) {
  float largest = x[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; i++) largest = x[i] > largest ? float(x[i]) : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += exp_(x[i] - largest);
  return {largest, sum};
}

/// Σ (x - largest).
template <class T>
ALEXNODE_CLONES double distance_sum(const T* x, int64_t n, float largest) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += x[i] - largest;
  return sum;
}

/// y = factor · exp(x - largest) - less.
template <class T>
ALEXNODE_CLONES void scaled_exp(T* y, const T* x, int64_t n, float largest, float factor, float less = 0) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = factor * exp_(x[i] - largest) - less;
}

template <class T>
ALEXNODE_CLONES void softmax_slope(T* dx, const T* y, const T* dy, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < n; i++) dot += y[i] * dy[i];
#pragma omp simd
  for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - dot);
}

}  // namespace

KernelPtr make(const Softmax&, Specs specs) {
  using Op = Softmax;
  settle_rows(specs, {Op::Y, Op::X});
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    const int64_t rows = specs.shape(Op::X)[0], columns = specs.shape(Op::X)[1];
    return make_kernel(std::move(specs), "simd", [=](const Args& a) {
      each_row(rows, columns, [=, y = a.at<T>(Op::Y), x = a.at<const T>(Op::X)](int64_t r) {
        const auto [largest, sum] = log_sum(x + r * columns, columns);
        scaled_exp(y + r * columns, x + r * columns, columns, largest, 1 / sum);
      });
    });
  });
}

KernelPtr make(const SoftmaxBackward&, Specs specs) {
  using Op = SoftmaxBackward;
  settle_rows(specs, {Op::DX, Op::Y, Op::DY});
  return with_float(specs[Op::Y].dtype, [&]<class T>(T) {
    const int64_t rows = specs.shape(Op::Y)[0], columns = specs.shape(Op::Y)[1];
    return make_kernel(std::move(specs), "simd", [=](const Args& a) {
      each_row(rows, columns,
               [=, dx = a.at<T>(Op::DX), y = a.at<const T>(Op::Y), dy = a.at<const T>(Op::DY)](int64_t r) {
                 softmax_slope(dx + r * columns, y + r * columns, dy + r * columns, columns);
               });
    });
  });
}

KernelPtr make(const CrossEntropy& f, Specs specs) {
  using Op = CrossEntropy;
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
      const float smooth = smoothing ? *smoothing : 0;
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
        const auto [largest, sum] = log_sum(x, columns);
        const double own = x[label];
        double wanted = own - largest;  // what the target weighs, from the largest on
        if (smooth != 0)
          wanted = (1 - smooth) * wanted + smooth * distance_sum(x, columns, largest) / double(columns);
        results[r] = {std::log(double(sum)) - wanted, 1, int32_t(before(x, columns, label))};
        if (!dx) return;
        const float each = smooth / float(columns);
        scaled_exp(dx, x, columns, largest, factor / sum, factor * each);
        // Computed from the logit again, since the stored value may be rounded.
        dx[label] = factor * (exp_(float(own) - largest) / sum - (1 - smooth) - each);
      });
      write_stats(a.at<float>(Op::Stats), results, valid, topk);
    };
    return make_kernel(std::move(specs), "simd", run, size_t(rows) * sizeof(RowResult));
  });
}

}  // namespace alexnode::cpu
