// Elementwise ops, in memory order: padding in blocked layouts is zero and stays so.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd/math.h"

namespace alexnode::cpu {

namespace {

// Functors instead of lambdas, so that they can be forced inline into every clone. NaN stays NaN.
struct ReluOf {
  ALEXNODE_INLINE float operator()(float x) const { return x < 0 ? 0.f : x; }
};
struct LeakyReluOf {
  float slope;
  ALEXNODE_INLINE float operator()(float x) const { return x < 0 ? slope * x : x; }
};
struct TanhOf {
  ALEXNODE_INLINE float operator()(float x) const { return tanh_(x); }
};
struct SigmoidOf {
  ALEXNODE_INLINE float operator()(float x) const { return sigmoid_(x); }
};
struct ScaleBy {
  float factor;
  ALEXNODE_INLINE float operator()(float x) const { return factor * x; }
};
struct ReluSlope {
  ALEXNODE_INLINE float operator()(float y, float dy) const { return y <= 0 ? 0.f : dy; }
};
struct LeakyReluSlope {
  float slope;
  ALEXNODE_INLINE float operator()(float y, float dy) const { return y > 0 ? dy : slope * dy; }
};
struct TanhSlope {
  ALEXNODE_INLINE float operator()(float y, float dy) const { return dy * (1.f - y * y); }
};
struct SigmoidSlope {
  ALEXNODE_INLINE float operator()(float y, float dy) const { return dy * (y * (1.f - y)); }
};
struct Sum {
  ALEXNODE_INLINE float operator()(float a, float b) const { return a + b; }
};
struct ReluOfSum {
  ALEXNODE_INLINE float operator()(float a, float b) const { return a + b < 0 ? 0.f : a + b; }
};

// `omp simd`: an output may be the same memory as an input.
template <class T, class F>
ALEXNODE_CLONES void map(T* y, const T* x, int64_t n, F f) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = f(x[i]);
}

template <class T, class F>
ALEXNODE_CLONES void map(T* y, const T* a, const T* b, int64_t n, F f) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) y[i] = f(a[i], b[i]);
}

template <class T>
int64_t stored(const Spec& s) {
  return int64_t(s.bytes() / sizeof(T));
}

/// y = f(x), slots 0 and 1.
template <class F>
KernelPtr make_map(F f, Specs specs) {
  specs.settle_as(1);
  specs.same_layout({0, 1});
  return with_float(specs[1].dtype, [&]<class T>(T) {
    const int64_t n = stored<T>(specs[1]);
    return make_kernel(std::move(specs), "simd", [=](const Args& a) {
      split(n, [f, y = a.at<T>(0), x = a.at<const T>(1)](int64_t begin, int64_t end) {
        map(y + begin, x + begin, end - begin, f);
      });
    });
  });
}

/// y = f(a, b), slots 0, 1 and 2.
template <class F>
KernelPtr make_map2(F f, Specs specs) {
  specs.settle_as(1);
  specs.same_layout({0, 1, 2});
  return with_float(specs[1].dtype, [&]<class T>(T) {
    const int64_t n = stored<T>(specs[1]);
    return make_kernel(std::move(specs), "simd", [=](const Args& args) {
      split(n, [f, y = args.at<T>(0), a = args.at<const T>(1), b = args.at<const T>(2)](
                   int64_t begin, int64_t end) { map(y + begin, a + begin, b + begin, end - begin, f); });
    });
  });
}

}  // namespace

KernelPtr make(const Relu&, Specs specs) { return make_map(ReluOf{}, std::move(specs)); }
KernelPtr make(const LeakyRelu& f, Specs specs) { return make_map(LeakyReluOf{f.slope}, std::move(specs)); }
KernelPtr make(const Tanh&, Specs specs) { return make_map(TanhOf{}, std::move(specs)); }
KernelPtr make(const Scale& f, Specs specs) { return make_map(ScaleBy{f.factor}, std::move(specs)); }

// σ(0) is not 0, so this op alone must restore the padding.
KernelPtr make(const Sigmoid&, Specs specs) {
  specs.settle_as(Sigmoid::X);
  const auto& x = specs[Sigmoid::X];
  if (Layout::parse(x.layout, x.shape.size()).inner.empty()) return make_map(SigmoidOf{}, std::move(specs));
  specs.same_layout({Sigmoid::Y, Sigmoid::X});
  return with_float(x.dtype, [&]<class T>(T) {
    const auto view = ImageView::of(Sigmoid::name, x.shape, x.layout);
    const int64_t n = stored<T>(x);
    return make_kernel(std::move(specs), "simd", [=](const Args& a) {
      auto* y = a.at<T>(Sigmoid::Y);
      split(n, [y, x = a.at<const T>(Sigmoid::X)](int64_t begin, int64_t end) {
        map(y + begin, x + begin, end - begin, SigmoidOf{});
      });
      for (int64_t image = 0; image < view.n; image++) clear_padding(y, view, image);
    });
  });
}

KernelPtr make(const ReluBackward&, Specs specs) { return make_map2(ReluSlope{}, std::move(specs)); }
KernelPtr make(const LeakyReluBackward& f, Specs specs) {
  return make_map2(LeakyReluSlope{f.slope}, std::move(specs));
}
KernelPtr make(const TanhBackward&, Specs specs) { return make_map2(TanhSlope{}, std::move(specs)); }
KernelPtr make(const SigmoidBackward&, Specs specs) { return make_map2(SigmoidSlope{}, std::move(specs)); }
KernelPtr make(const Add& f, Specs specs) {
  return f.relu ? make_map2(ReluOfSum{}, std::move(specs)) : make_map2(Sum{}, std::move(specs));
}

}  // namespace alexnode::cpu
