// The logarithm of the mean of several softmaxes, a row at a time.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/math.h"

namespace alexnode::cpu {

namespace {

/// The logarithm of Σ exp(x).
template <class T>
ALEXNODE_CLONES float log_sum_exp(const T* x, int64_t n) {
  float largest = x[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; i++) largest = x[i] > largest ? float(x[i]) : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += exp_(x[i] - largest);
  return largest + log_(sum);
}

/// y = log(Σ over `views` of exp(x - level)), x of each view `step` behind that of the one before. The
/// largest term is factored out of the sum, so that it cannot underflow.
template <class T>
ALEXNODE_CLONES void log_mean(float* y, const T* x, int64_t step, const float* levels, int64_t views,
                              int64_t n, float less) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] - levels[0];
  for (int64_t v = 1; v < views; v++) {
    const T* at = x + v * step;
    const float level = levels[v];
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
      const float b = at[i] - level, a = y[i], high = a > b ? a : b, low = a > b ? b : a;
      y[i] = high + log_(1.f + exp_(low - high));
    }
  }
  for (int64_t i = 0; i < n; i++) y[i] -= less;
}

}  // namespace

KernelPtr make(const LogMeanSoftmax&, Specs specs) {
  using Op = LogMeanSoftmax;
  for (int i : {Op::Y, Op::X}) {
    const auto dense = dense_layout(specs.shape(i).size());
    if (specs[i].layout == "any") specs[i].layout = dense;
    if (specs[i].layout != dense)
      specs.fail(specs.slots[i].name, ": expected the layout '", dense, "', got '", specs[i].layout,
                 "'; reorder first");
  }
  return with_float(specs[Op::X].dtype, [&]<class T>(T) {
    const auto& x = specs.shape(Op::X);
    const int64_t views = x[0], rows = x[1], columns = x[2];
    const auto run = [=](const Args& a) {
      auto* levels = static_cast<float*>(a.scratch);
      each(rows, [=, x = a.at<const T>(Op::X), y = a.at<float>(Op::Y)](int64_t r) {
        float* own = levels + r * views;
        for (int64_t v = 0; v < views; v++) own[v] = log_sum_exp(x + (v * rows + r) * columns, columns);
        log_mean(y + r * columns, x + r * columns, rows * columns, own, views, columns,
                 std::log(float(views)));
      });
    };
    return make_kernel(std::move(specs), "simd", run, size_t(rows * views) * 4);
  });
}

}  // namespace alexnode::cpu
