// Space to depth: a convolution of stride s is one of stride 1 over s·s times the channels, each s×s square
// of pixels becoming channels of one, with filters ⌈kernel / s⌉ wide, zero-filled. An 11×11 filter with
// stride 4 becomes 3×3, which Winograd then does with a fraction of the multiplications; oneDNN's own blocked
// kernels would pad 1 or 3 channels to 8.
#include "cpu/winograd/strided.h"

#include <cstdint>
#include <optional>

#include "cpu/device.h"
#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/winograd/backward_weights.h"
#include "cpu/winograd/folding.h"
#include "cpu/winograd/forward.h"
#include "cpu/winograd/op.h"

namespace alexnode::cpu {

namespace {

/// Filters [O, C, k, k] that fold to ones that Winograd can do.
std::optional<FilterFolding> folding_of(const Shape& w, int64_t stride) {
  const int64_t kernel = w.back(), taps = (kernel + stride - 1) / stride;
  if ((stride != 2 && stride != 4) || w.size() != 4 || w[2] != kernel || (taps != 3 && taps != 5)) return {};
  if (w[1] >= kFoldedBlock) return {};
  return FilterFolding{w[0], w[1], kernel, stride, taps};
}

struct FoldedConvolution {
  Folding folding;
  ImageKind y;
};

std::optional<FoldedConvolution> fold_convolution(const ConvFields& f, Specs& specs, int x, int y, int w,
                                                  bool frozen = false) {
  auto &X = specs[x], &Y = specs[y], &W = specs[w];
  const int64_t s = f.stride[0];
  const auto made = WinogradLayout::parse(W.layout);
  const auto filters = folding_of(W.shape, s);
  if (!filters || !f.winograd || !winograd_suits(X.dtype)) return {};
  if (f.groups != 1 || f.dilation != Int2{1, 1} || f.stride != Int2{s, s}) return {};
  if (X.layout != "any" && X.layout != "abcd") return {};
  if (W.layout != "any" && W.layout != dense_layout(4) && !made) return {};
  if (made && (made->stride != s || made->taps != filters->taps)) return {};
  if (Y.layout == "any") Y.layout = block_channels() == 16 && W.shape[0] % 16 == 0 ? "aBcd16b" : "aBcd8b";
  if (Y.layout != "aBcd8b" && Y.layout != "aBcd16b") return {};
  X.layout = "abcd";
  const int64_t reach = filters->taps - 1;
  Folding folding{*filters, X.shape[2], X.shape[3], f.padding[0], f.padding[2], {}, X.dtype == DType::bf16};
  folding.folded = {.n = X.shape[0],
                    .c = filters->folded_channels(),
                    .h = Y.shape[2] + reach,
                    .w = Y.shape[3] + reach,
                    .k = W.shape[0],
                    .groups = 1,
                    .kernel = int(filters->taps),
                    .tile = made ? int(made->tile) : 0,
                    .frozen = made || (frozen && W.layout == "any")};
  const ImageKind out{Y.layout == "aBcd8b" ? ImageLayout::aBcd8b : ImageLayout::aBcd16b, folding.bf16};
  if (!Winograd::supported(folding.folded, folding.image(), out)) return {};
  return FoldedConvolution{folding, out};
}

}  // namespace

KernelPtr make_strided(const Conv2d& f, const Specs& given) {
  using Op = Conv2d;
  Specs specs = given;
  const auto found = fold_convolution(f, specs, Op::X, Op::Y, Op::W, f.frozen);
  if (!found) return nullptr;
  const auto& folding = found->folding;
  const WinogradForward winograd(folding.folded, folding.image(), found->y, f.relu);
  auto& layout = specs[Op::W].layout;
  const auto own = winograd.layout(folding.filters.stride).tag();
  const bool made = layout == own;
  if (!made && !winograd.worthwhile()) return nullptr;
  const size_t images = folding.image_bytes();
  if (made || folding.folded.frozen) {
    if (layout == "any") layout = own;
    if (layout != own) return nullptr;
    const auto run = [=](const Args& a) {
      auto* x = static_cast<std::byte*>(a.scratch);
      folding.fold(x, a.at<const void>(Op::X));
      winograd.run(a.at<void>(Op::Y), x, a.at<const float>(Op::W), a.at<const float>(Op::B), x + images);
    };
    return make_kernel(std::move(specs), "space to depth, " + winograd.describe(), run,
                       images + winograd.scratch_bytes());
  }
  layout = dense_layout(4);
  const size_t filters = folding.filters.filter_bytes(), u = align(winograd.weights_bytes());
  const auto run = [=](const Args& a) {
    auto *x = static_cast<std::byte*>(a.scratch), *w = x + images;
    auto* transformed = reinterpret_cast<float*>(w + filters);
    folding.fold(x, a.at<const void>(Op::X));
    folding.filters.fold(w, a.at<const void>(Op::W), folding.bf16);
    winograd.transform_weights(transformed, w, folding.bf16);
    winograd.run(a.at<void>(Op::Y), x, transformed, a.at<const float>(Op::B), w + filters + u);
  };
  return make_kernel(std::move(specs), "space to depth, " + winograd.describe(), run,
                     images + filters + u + winograd.scratch_bytes());
}

KernelPtr make_strided(const Conv2dBackwardWeights& f, const Specs& given) {
  using Op = Conv2dBackwardWeights;
  Specs specs = given;
  const auto found = fold_convolution(f, specs, Op::X, Op::DY, Op::DW);
  if (!found) return nullptr;
  const auto& folding = found->folding;
  const WinogradBackwardWeights winograd(folding.folded, folding.image(), found->y);
  if (!winograd.worthwhile()) return nullptr;
  specs[Op::DW].layout = dense_layout(4);
  const size_t images = folding.image_bytes(), filters = folding.filters.filter_bytes();
  const auto run = [=](const Args& a) {
    auto* x = static_cast<std::byte*>(a.scratch);
    auto* dw = reinterpret_cast<float*>(x + images);
    folding.fold(x, a.at<const void>(Op::X));
    winograd.run(dw, a.at<float>(Op::DB), x, a.at<const void>(Op::DY), x + images + filters);
    folding.filters.each([&, to = a.at<float>(Op::DW)](int64_t at, int64_t folded) { to[at] = dw[folded]; });
  };
  return make_kernel(std::move(specs), "space to depth, " + winograd.describe(), run,
                     images + filters + winograd.scratch_bytes());
}

KernelPtr make_strided_filters(const WinogradLayout& to, Specs specs) {
  using Op = Reorder;
  const auto folding = folding_of(specs.shape(Op::X), to.stride);
  if (!folding || folding->taps != to.taps) return nullptr;
  const auto found = WinogradForward::of(to, folding->folded_channels(), folding->filters, 1);
  if (!found) return nullptr;
  const bool bf16 = specs[Op::X].dtype == DType::bf16;
  const auto run = [=, folding = *folding, winograd = *found](const Args& a) {
    folding.fold(a.scratch, a.at<const void>(Op::X), bf16);
    winograd.transform_weights(a.at<float>(Op::Y), a.scratch, bf16);
  };
  return make_kernel(std::move(specs), "transform of filters", run, folding->filter_bytes());
}

}  // namespace alexnode::cpu
