// The convolution ops by Winograd. Weights are row-major: they change at every training step, so each run
// transforms them anew, into its scratch.
#include "cpu/winograd/op.h"

#include <optional>

#include "cpu/device.h"
#include "cpu/winograd/winograd.h"

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

std::optional<Candidate> candidate(const ConvFields& f, const Spec& x, const Spec& w, const Spec& y) {
  const size_t rank = w.shape.size();
  const auto kernel = w.shape[rank - 1];
  const auto in = image_kind(x), out = image_kind(y);
  if (!winograd_suits(x.dtype) || !in || !out) return {};
  if (!may_winograd(f) || w.shape[rank - 2] != kernel || kernel > 5) return {};
  if (w.layout != "any" && w.layout != dense_layout(rank)) return {};
  const auto& [top, bottom, left, right] = f.padding;
  const WinogradShape shape{x.shape[0],  x.shape[1], x.shape[2], x.shape[3], y.shape[1], f.groups,
                            int(kernel), top,        bottom,     left,       right};
  if (!Winograd::supported(shape, *in, *out)) return {};
  return Candidate{shape, *in, *out, dense_layout(rank)};
}

constexpr size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

bool winograd_suits(DType dtype) {
  return dtype == DType::f32 || (dtype == DType::bf16 && !describe().fast_bf16);
}

KernelPtr make_winograd(const Conv2d& f, const Specs& given) {
  using Op = Conv2d;
  const auto found = candidate(f, given[Op::X], given[Op::W], given[Op::Y]);
  if (!found) return nullptr;
  const WinogradForward winograd(found->shape, found->x, found->y, f.relu);
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

}  // namespace alexnode::cpu
