// Parameter updates, each one pass over the parameters at the speed of memory, and the search for numbers
// that are not finite. Padding of blocked layouts is zero in all tensors, and these updates keep it so.
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

struct SgdHyper {
  float rate, momentum, decay, factor;
};

// The variants differ by `if constexpr` alone, so that the inner loop has no branch. w16 may be null.
template <bool RateInVelocity, bool Nesterov>
ALEXNODE_CLONES void sgd_piece(float* w, float* v, const float* g, int64_t n, SgdHyper h) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    if constexpr (RateInVelocity) {
      const float next = h.momentum * v[i] - h.rate * (h.decay * w[i] + h.factor * g[i]);
      v[i] = next;
      w[i] += next;
    } else {
      const float slope = h.factor * g[i] + h.decay * w[i], next = h.momentum * v[i] + slope;
      v[i] = next;
      w[i] -= h.rate * (Nesterov ? slope + h.momentum * next : next);
    }
  }
}

struct AdamHyper {
  float rate, beta1, beta2, epsilon, decay, factor, correction2;
};

ALEXNODE_CLONES void adam_piece(float* w, float* m, float* v, const float* g, int64_t n, AdamHyper h) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    const float slope = h.factor * g[i] + h.decay * w[i];
    m[i] = h.beta1 * m[i] + (1 - h.beta1) * slope;
    v[i] = h.beta2 * v[i] + (1 - h.beta2) * slope * slope;
    w[i] -= h.rate * m[i] / (std::sqrt(v[i]) * h.correction2 + h.epsilon);
  }
}

ALEXNODE_CLONES void round_piece(bf16* y, const float* x, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = x[i];
}

constexpr int64_t kPiece = 1024;

/// update(begin, end) over n parameters, and then w16 from w while it is still in the cache.
template <class F>
void update_all(int64_t n, const float* w, bf16* w16, const F& update) {
  split(n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kPiece) {
      const int64_t stop = std::min(end, i + kPiece);
      update(i, stop);
      if (w16) round_piece(w16 + i, w + i, stop - i);
    }
  });
}

bool skipped(const Args& a, int ok) {
  const auto* flag = a.at<const int32_t>(ok);
  return flag && !*flag;
}

float clip_of(const Args& a, int clip) {
  const auto* factor = a.at<const float>(clip);
  return factor ? *factor : 1;
}

ALEXNODE_CLONES void average_piece(float* y, const float* w, int64_t n, float decay) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = decay * y[i] + (1 - decay) * w[i];
}

ALEXNODE_CLONES double square_sum(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += double(x[i]) * double(x[i]);
  return sum;
}

constexpr int64_t kSummed = 16384;  // elements of a sum

template <bool RateInVelocity, bool Nesterov>
KernelPtr make_sgd(Specs specs) {
  using Op = Sgd;
  const auto n = int64_t(specs[Op::W].bytes() / sizeof(float));
  return make_kernel(std::move(specs), "simd", [n](const Args& a) {
    if (skipped(a, Op::Ok)) return;
    auto *w = a.at<float>(Op::W), *v = a.at<float>(Op::V);
    const auto *g = a.at<const float>(Op::G), *hyper = a.at<const float>(Op::Hyper);
    const SgdHyper h{hyper[0], hyper[1], hyper[2], hyper[3] * clip_of(a, Op::Clip)};
    update_all(n, w, a.at<bf16>(Op::W16), [=](int64_t begin, int64_t end) {
      sgd_piece<RateInVelocity, Nesterov>(w + begin, v + begin, g + begin, end - begin, h);
    });
  });
}

/// True if a number has an exponent of all ones: it is enough to look at the largest magnitude.
ALEXNODE_CLONES bool has_infinite(const uint32_t* x, int64_t n) {
  uint32_t largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; i++) {
    const uint32_t size = x[i] & 0x7fffffff;
    largest = size > largest ? size : largest;
  }
  return largest >= 0x7f800000;
}

ALEXNODE_CLONES bool has_infinite(const uint16_t* x, int64_t n) {
  uint16_t largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; i++) {
    const uint16_t size = x[i] & 0x7fff;
    largest = size > largest ? size : largest;
  }
  return largest >= 0x7f80;
}

template <class Bits>
KernelPtr make_finite(Specs specs) {
  const auto count = int64_t(specs[Finite::X].bytes() / sizeof(Bits));
  return make_kernel(std::move(specs), "simd", [count](const Args& a) {
    std::atomic<bool> found = false;
    split(count, [&, x = a.at<const Bits>(Finite::X)](int64_t begin, int64_t end) {
      constexpr int64_t step = 16384;
      for (int64_t i = begin; i < end && !found.load(std::memory_order_relaxed); i += step)
        if (has_infinite(x + i, std::min(step, end - i))) found.store(true, std::memory_order_relaxed);
    });
    if (found) *a.at<int32_t>(Finite::Ok) = 0;
  });
}

}  // namespace

KernelPtr make(const Sgd& f, Specs specs) {
  specs.settle_as(Sgd::W);
  specs.same_layout({Sgd::W, Sgd::V, Sgd::W16, Sgd::G});
  if (f.rate_in_velocity) return make_sgd<true, false>(std::move(specs));
  return f.nesterov ? make_sgd<false, true>(std::move(specs)) : make_sgd<false, false>(std::move(specs));
}

KernelPtr make(const Adam&, Specs specs) {
  using Op = Adam;
  specs.settle_as(Op::W);
  specs.same_layout({Op::W, Op::M, Op::V, Op::W16, Op::G});
  const auto n = int64_t(specs[Op::W].bytes() / sizeof(float));
  return make_kernel(std::move(specs), "simd", [n](const Args& a) {
    if (skipped(a, Op::Ok)) return;
    auto *w = a.at<float>(Op::W), *m = a.at<float>(Op::M), *v = a.at<float>(Op::V);
    const auto *g = a.at<const float>(Op::G), *hyper = a.at<const float>(Op::Hyper);
    // Both averages start at zero; the two corrections compensate for that.
    const double step = hyper[6], c1 = 1 - std::pow(double(hyper[1]), step),
                 c2 = 1 - std::pow(double(hyper[2]), step);
    const AdamHyper h{
        float(hyper[0] / c1),    hyper[1], hyper[2], hyper[3], hyper[4], hyper[5] * clip_of(a, Op::Clip),
        float(1 / std::sqrt(c2))};
    update_all(n, w, a.at<bf16>(Op::W16), [=](int64_t begin, int64_t end) {
      adam_piece(w + begin, m + begin, v + begin, g + begin, end - begin, h);
    });
  });
}

KernelPtr make(const Average&, Specs specs) {
  using Op = Average;
  specs.settle_as(Op::Y);
  specs.same_layout({Op::Y, Op::W});
  const auto n = int64_t(specs[Op::Y].bytes() / sizeof(float));
  return make_kernel(std::move(specs), "simd", [n](const Args& a) {
    if (skipped(a, Op::Ok)) return;
    split(n, [y = a.at<float>(Op::Y), w = a.at<const float>(Op::W), decay = *a.at<const float>(Op::Decay)](
                 int64_t begin, int64_t end) { average_piece(y + begin, w + begin, end - begin, decay); });
  });
}

KernelPtr make(const Norm&, Specs specs) {
  using Op = Norm;
  specs.settle_as(Op::X);
  const auto n = int64_t(specs[Op::X].bytes() / sizeof(float)), pieces = (n + kSummed - 1) / kSummed;
  const auto run = [=](const Args& a) {
    auto* sums = static_cast<double*>(a.scratch);
    each(pieces, [=, x = a.at<const float>(Op::X)](int64_t i) {
      sums[i] = square_sum(x + i * kSummed, std::min(kSummed, n - i * kSummed));
    });
    const auto* with = a.at<const float>(Op::With);
    double sum = with ? double(*with) * double(*with) : 0;
    for (int64_t i = 0; i < pieces; i++) sum += sums[i];
    *a.at<float>(Op::Result) = float(std::sqrt(sum));
  };
  return make_kernel(std::move(specs), "simd", run, size_t(pieces) * sizeof(double));
}

KernelPtr make(const ClipFactor&, Specs specs) {
  using Op = ClipFactor;
  specs.settle_as(Op::Norm);
  return make_kernel(std::move(specs), "scalar", [](const Args& a) {
    const auto* hyper = a.at<const float>(Op::Hyper);
    const float factor = hyper[0] / (hyper[1] * *a.at<const float>(Op::Norm) + 1e-6f);
    *a.at<float>(Op::Clip) = factor > 1 ? 1 : factor;
  });
}

KernelPtr make(const Finite&, Specs specs) {
  specs.settle_as(Finite::X);
  return specs[Finite::X].dtype == DType::bf16 ? make_finite<uint16_t>(std::move(specs))
                                               : make_finite<uint32_t>(std::move(specs));
}

KernelPtr make(const Agree&, Specs specs) {
  specs.settle_as(Agree::X);
  return make_kernel(std::move(specs), "scalar", [](const Args& a) {
    if (!*a.at<const int32_t>(Agree::X)) *a.at<int32_t>(Agree::Ok) = 0;
  });
}

}  // namespace alexnode::cpu
