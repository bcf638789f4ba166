// Space to depth: a convolution of stride s is one of stride 1 over s·s times the channels, each s×s square
// of pixels becoming channels of one, with filters ⌈kernel / s⌉ wide, zero-filled. An 11×11 filter with
// stride 4 becomes 3×3, which Winograd then does with a fraction of the multiplications; oneDNN's own blocked
// kernels would pad 1 or 3 channels to 8.
#include "cpu/winograd/strided.h"

#include <cstring>
#include <optional>

#include "cpu/loops.h"
#include "cpu/onednn.h"
#include "cpu/winograd/op.h"
#include "cpu/winograd/winograd.h"

namespace alexnode::cpu {

namespace {

constexpr int64_t kBlock = 8;  // x' lies in aBcd8b

constexpr size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

struct Folding {
  int64_t n, c, h, w;  // of x
  int64_t stride, top, left;
  int64_t filters, kernel;  // of w
  WinogradShape folded;
  DType dtype;  // of x and w

  ImageKind image() const { return {ImageLayout::aBcd8b, dtype == DType::bf16}; }
  size_t image_bytes() const {
    return align(size_t(folded.n * folded.c * folded.h * folded.w) * size_of(dtype));
  }
  size_t weight_bytes() const {
    return align(size_t(folded.k * folded.c * folded.kernel * folded.kernel) * 4);
  }

  /// to (aBcd8b) from x (abcd)
  void fold(void* to, const void* x) const {
    if (dtype == DType::bf16)
      fold_as(static_cast<uint16_t*>(to), static_cast<const uint16_t*>(x));
    else
      fold_as(static_cast<float*>(to), static_cast<const float*>(x));
  }

  template <class T>
  void fold_as(T* to, const T* x) const {
    const int64_t plane = folded.h * folded.w * kBlock;
    each(n * c, [&](int64_t map) {
      const T* from = x + map * h * w;
      T* image = to + map / c * folded.c / kBlock * plane;
      for (int64_t dy = 0; dy < stride; dy++) {
        const int64_t channel = (map % c * stride + dy) * stride;
        T* out = image + channel / kBlock * plane + channel % kBlock;
        for (int64_t row = 0; row < folded.h; row++) {
          const int64_t y = row * stride + dy - top;
          for (int64_t column = 0; column < folded.w; column++, out += kBlock) {
            const int64_t begin = column * stride - left;
            if (y >= 0 && y < h && begin >= 0 && begin + stride <= w) {
              for (int64_t dx = 0; dx < stride; dx++) out[dx] = from[y * w + begin + dx];
              continue;
            }
            for (int64_t dx = 0; dx < stride; dx++) {
              const bool inside = y >= 0 && y < h && begin + dx >= 0 && begin + dx < w;
              out[dx] = inside ? from[y * w + begin + dx] : T(0);
            }
          }
        }
      }
    });
  }

  /// Folded weights from those of the same dtype; zeros fill them up.
  void fold_weights(void* to, const void* w) const {
    std::memset(to, 0, weight_bytes());
    each_weight([&](int64_t at, int64_t folded) {
      if (dtype == DType::bf16)
        static_cast<uint16_t*>(to)[folded] = static_cast<const uint16_t*>(w)[at];
      else
        static_cast<float*>(to)[folded] = static_cast<const float*>(w)[at];
    });
  }

  /// f(index in w [O, C, kernel, kernel], index in the folded weights [O, C', folded kernel, folded kernel])
  template <class F>
  void each_weight(const F& f) const {
    const int64_t taps = folded.kernel;
    for (int64_t o = 0; o < filters; o++)
      for (int64_t i = 0; i < c; i++)
        for (int64_t y = 0; y < kernel; y++)
          for (int64_t x = 0; x < kernel; x++) {
            const int64_t channel = (i * stride + y % stride) * stride + x % stride;
            f(((o * c + i) * kernel + y) * kernel + x,
              ((o * folded.c + channel) * taps + y / stride) * taps + x / stride);
          }
  }
};

struct Candidate {
  Folding folding;
  ImageKind y;
};

std::optional<Candidate> candidate(const ConvFields& f, Specs& specs, int x, int y, int w) {
  auto &X = specs[x], &Y = specs[y], &W = specs[w];
  const auto dense = dense_layout(W.shape.size());
  const int64_t s = f.stride[0], kernel = W.shape.back(), taps = (kernel + s - 1) / s, channels = X.shape[1];
  if (!f.winograd) return {};
  if (!winograd_suits(X.dtype) || f.groups != 1 || f.dilation != Int2{1, 1} || f.stride != Int2{s, s})
    return {};
  if ((s != 2 && s != 4) || W.shape[2] != kernel || (taps != 3 && taps != 5) || channels >= kBlock) return {};
  if ((X.layout != "any" && X.layout != "abcd") || (W.layout != "any" && W.layout != dense)) return {};
  if (Y.layout == "any") Y.layout = block_channels() == 16 && W.shape[0] % 16 == 0 ? "aBcd16b" : "aBcd8b";
  if (Y.layout != "aBcd8b" && Y.layout != "aBcd16b") return {};
  X.layout = "abcd", W.layout = dense;
  const int64_t out_h = Y.shape[2], out_w = Y.shape[3];
  Folding folding{X.shape[0],   channels,   X.shape[2], X.shape[3], s,      f.padding[0],
                  f.padding[2], W.shape[0], kernel,     {},         X.dtype};
  folding.folded = {
      X.shape[0], channels * s * s, out_h + taps - 1, out_w + taps - 1, W.shape[0], 1, int(taps), 0, 0, 0, 0};
  const ImageKind out{Y.layout == "aBcd8b" ? ImageLayout::aBcd8b : ImageLayout::aBcd16b,
                      Y.dtype == DType::bf16};
  if (!Winograd::supported(folding.folded, folding.image(), out)) return {};
  return Candidate{folding, out};
}

}  // namespace

KernelPtr make_strided(const Conv2d& f, const Specs& given) {
  using Op = Conv2d;
  Specs specs = given;
  const auto found = candidate(f, specs, Op::X, Op::Y, Op::W);
  if (!found) return nullptr;
  const auto& folding = found->folding;
  const WinogradForward winograd(folding.folded, folding.image(), found->y, f.relu);
  if (!winograd.worthwhile()) return nullptr;
  const size_t images = folding.image_bytes(), weights = folding.weight_bytes(),
               u = align(winograd.weights_bytes());
  const auto run = [=](const Args& a) {
    auto* scratch = static_cast<std::byte*>(a.scratch);
    auto *x = scratch, *w = scratch + images;
    auto* transformed = reinterpret_cast<float*>(w + weights);
    folding.fold(x, a.at<const void>(Op::X));
    folding.fold_weights(w, a.at<const void>(Op::W));
    winograd.transform_weights(transformed, w, folding.dtype == DType::bf16);
    winograd.run(a.at<void>(Op::Y), x, transformed, a.at<const float>(Op::B), scratch + images + weights + u);
  };
  return make_kernel(std::move(specs), "space to depth, " + winograd.describe(), run,
                     images + weights + u + winograd.scratch_bytes());
}

KernelPtr make_strided(const Conv2dBackwardWeights& f, const Specs& given) {
  using Op = Conv2dBackwardWeights;
  Specs specs = given;
  const auto found = candidate(f, specs, Op::X, Op::DY, Op::DW);
  if (!found) return nullptr;
  const auto& folding = found->folding;
  const WinogradBackwardWeights winograd(folding.folded, folding.image(), found->y);
  if (!winograd.worthwhile()) return nullptr;
  const size_t images = folding.image_bytes(), weights = folding.weight_bytes();
  const auto run = [=](const Args& a) {
    auto* scratch = static_cast<std::byte*>(a.scratch);
    auto* x = scratch;
    auto* dw = reinterpret_cast<float*>(scratch + images);
    folding.fold(x, a.at<const void>(Op::X));
    winograd.run(dw, a.at<float>(Op::DB), x, a.at<const void>(Op::DY), scratch + images + weights);
    folding.each_weight([&, to = a.at<float>(Op::DW)](int64_t at, int64_t folded) { to[at] = dw[folded]; });
  };
  return make_kernel(std::move(specs), "space to depth, " + winograd.describe(), run,
                     images + weights + winograd.scratch_bytes());
}

}  // namespace alexnode::cpu
