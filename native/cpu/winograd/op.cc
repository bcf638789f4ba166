// The convolution ops by Winograd. Weights that change at every training step are row-major, and each run
// transforms them into its scratch. Frozen weights are transformed once, by a reorder.
#include "cpu/winograd/op.h"

#include <cstdint>
#include <optional>

#include "cpu/device.h"
#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/relayout.h"
#include "cpu/winograd/backward_weights.h"
#include "cpu/winograd/forward.h"
#include "cpu/winograd/strided.h"

namespace alexnode::cpu {

namespace {

std::optional<ImageKind> image_kind(const Spec& spec) {
  const bool bf16 = spec.dtype == DType::bf16;
  if (spec.layout == "abcd") return ImageKind{ImageLayout::abcd, bf16};
  if (spec.layout == "acdb") return ImageKind{ImageLayout::acdb, bf16};
  if (spec.layout == "aBcd8b") return ImageKind{ImageLayout::aBcd8b, bf16};
  if (spec.layout == "aBcd16b") return ImageKind{ImageLayout::aBcd16b, bf16};
  return {};
}

/// A convolution that Winograd can do.
struct Candidate {
  WinogradShape shape;
  ImageKind x, y;
  std::string weights;  // their layout
};

std::optional<Candidate> candidate(const ConvFields& f, const Spec& x, const Spec& w, const Spec& y,
                                   bool frozen = false) {
  const size_t rank = w.shape.size();
  const auto kernel = w.shape[rank - 1];
  const auto in = image_kind(x), out = image_kind(y);
  if (!winograd_suits(x.dtype) || !in || !out) return {};
  if (!may_winograd(f) || w.shape[rank - 2] != kernel || kernel > 5) return {};
  const auto made = WinogradLayout::parse(w.layout);
  if (w.layout != "any" && w.layout != dense_layout(rank) && !made) return {};
  if (made && (made->stride != 1 || made->taps != kernel)) return {};
  const auto& [top, bottom, left, right] = f.padding;
  WinogradShape shape{x.shape[0],  x.shape[1], x.shape[2], x.shape[3], y.shape[1], f.groups,
                      int(kernel), top,        bottom,     left,       right};
  shape.tile = made ? int(made->tile) : 0, shape.frozen = made || (frozen && w.layout == "any");
  if (!Winograd::supported(shape, *in, *out)) return {};
  return Candidate{shape, *in, *out, dense_layout(rank)};
}

}  // namespace

bool winograd_suits(DType dtype) {
  return dtype == DType::f32 || (dtype == DType::bf16 && !describe().fast_bf16);
}

KernelPtr make_winograd(const Conv2d& f, const Specs& given) {
  using Op = Conv2d;
  const auto found = candidate(f, given[Op::X], given[Op::W], given[Op::Y], f.frozen);
  if (!found) return nullptr;
  const WinogradForward winograd(found->shape, found->x, found->y, f.relu);
  Specs specs = given;
  if (found->shape.frozen) {
    auto& layout = specs[Op::W].layout;
    const auto own = winograd.layout().tag();
    if (layout == "any" && !winograd.worthwhile()) return nullptr;
    if (layout == "any") layout = own;
    if (layout != own) return nullptr;
    return make_kernel(
        std::move(specs), winograd.describe(),
        [winograd](const Args& a) {
          winograd.run(a.at<void>(Op::Y), a.at<void>(Op::X), a.at<float>(Op::W), a.at<float>(Op::B),
                       a.scratch);
        },
        winograd.scratch_bytes());
  }
  if (!winograd.worthwhile()) return nullptr;
  specs[Op::W].layout = found->weights;
  const size_t weights = align(winograd.weights_bytes());
  const bool bf16 = specs[Op::W].dtype == DType::bf16;
  return make_kernel(
      std::move(specs), winograd.describe(),
      [winograd, weights, bf16](const Args& a) {
        auto* u = static_cast<float*>(a.scratch);
        winograd.transform_weights(u, a.at<void>(Op::W), bf16);
        winograd.run(a.at<void>(Op::Y), a.at<void>(Op::X), u, a.at<float>(Op::B),
                     static_cast<char*>(a.scratch) + weights);
      },
      weights + winograd.scratch_bytes());
}

KernelPtr make_winograd(const Conv2dBackwardData& f, const Specs& given) {
  using Op = Conv2dBackwardData;
  const auto found = candidate(f, given[Op::DX], given[Op::W], given[Op::DY]);
  if (!found) return nullptr;
  const WinogradBackwardData winograd(found->shape, found->x, found->y);
  if (!winograd.worthwhile()) return nullptr;
  Specs specs = given;
  specs[Op::W].layout = found->weights;
  const size_t weights = align(winograd.weights_bytes());
  const bool bf16 = specs[Op::W].dtype == DType::bf16;
  return make_kernel(
      std::move(specs), winograd.describe(),
      [winograd, weights, bf16](const Args& a) {
        auto* u = static_cast<float*>(a.scratch);
        winograd.transform_weights(u, a.at<void>(Op::W), bf16);
        winograd.run(a.at<void>(Op::DX), a.at<void>(Op::DY), u, static_cast<char*>(a.scratch) + weights);
      },
      weights + winograd.scratch_bytes());
}

KernelPtr make_winograd(const Conv2dBackwardWeights& f, const Specs& given) {
  using Op = Conv2dBackwardWeights;
  const auto found = candidate(f, given[Op::X], given[Op::DW], given[Op::DY]);
  if (!found) return nullptr;
  const WinogradBackwardWeights winograd(found->shape, found->x, found->y);
  if (!winograd.worthwhile()) return nullptr;
  Specs specs = given;
  specs[Op::DW].layout = found->weights;
  return make_kernel(
      std::move(specs), winograd.describe(),
      [winograd](const Args& a) {
        winograd.run(a.at<float>(Op::DW), a.at<float>(Op::DB), a.at<void>(Op::X), a.at<void>(Op::DY),
                     a.scratch);
      },
      winograd.scratch_bytes());
}

KernelPtr make_winograd_filters(const Specs& given) {
  using Op = Reorder;
  const auto to = WinogradLayout::parse(given[Op::Y].layout);
  if (!to || given[Op::X].dtype == DType::u8) return nullptr;
  Specs specs = given;
  auto& x = specs[Op::X];
  const auto dense = dense_layout(x.shape.size());
  if (x.layout != dense) {
    x.layout = dense;
    auto inner = make_winograd_filters(specs);
    return inner ? relayout(given, std::move(inner)) : nullptr;
  }
  if (to->stride != 1) return make_strided_filters(*to, std::move(specs));
  const Shape& w = x.shape;
  const size_t o = w.size() - 4;
  const int64_t groups = o ? w[0] : 1;
  const auto winograd = WinogradForward::of(*to, groups * w[o + 1], groups * w[o], groups);
  if (!winograd || w[o + 2] != to->taps || w[o + 3] != to->taps) return nullptr;
  const bool bf16 = x.dtype == DType::bf16;
  return make_kernel(std::move(specs), "transform of filters", [winograd = *winograd, bf16](const Args& a) {
    winograd.transform_weights(a.at<float>(Op::Y), a.at<void>(Op::X), bf16);
  });
}

}  // namespace alexnode::cpu
