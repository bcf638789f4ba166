// The convolution ops by Winograd. Weights are row-major: they change at every training step, so each run
// transforms them anew, into its scratch.
#include "cpu/winograd/op.h"

#include <optional>

#include "cpu/winograd/winograd.h"

namespace alexnode::cpu {

namespace {

std::optional<ImageLayout> image_layout(const Spec& spec) {
  if (spec.layout == "abcd") return ImageLayout::abcd;
  if (spec.layout == "acdb") return ImageLayout::acdb;
  if (spec.layout == "aBcd8b") return ImageLayout::aBcd8b;
  if (spec.layout == "aBcd16b") return ImageLayout::aBcd16b;
  return {};
}

/// A convolution that Winograd can do.
struct Candidate {
  WinogradShape shape;
  ImageLayout x, y;
  std::string weights;  // their layout
};

std::optional<Candidate> candidate(const ConvFields& f, const Spec& x, const Spec& w, const Spec& y) {
  const size_t rank = w.shape.size();
  const auto kernel = w.shape[rank - 1];
  const auto in = image_layout(x), out = image_layout(y);
  if (x.dtype != DType::f32 || w.dtype != DType::f32 || y.dtype != DType::f32 || !in || !out) return {};
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

KernelPtr make_winograd(const Conv2d& f, const Specs& given) {
  using Op = Conv2d;
  const auto found = candidate(f, given[Op::X], given[Op::W], given[Op::Y]);
  if (!found) return nullptr;
  const WinogradForward winograd(found->shape, found->x, found->y, f.relu);
  if (!winograd.worthwhile()) return nullptr;
  Specs specs = given;
  specs[Op::W].layout = found->weights;
  const size_t weights = align(winograd.weights_bytes());
  return make_kernel(
      std::move(specs), winograd.describe(),
      [winograd, weights](const Args& a) {
        auto* u = static_cast<float*>(a.scratch);
        winograd.transform_weights(u, a.at<float>(Op::W));
        winograd.run(a.at<float>(Op::Y), a.at<float>(Op::X), u, a.at<float>(Op::B),
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
  return make_kernel(
      std::move(specs), winograd.describe(),
      [winograd, weights](const Args& a) {
        auto* u = static_cast<float*>(a.scratch);
        winograd.transform_weights(u, a.at<float>(Op::W));
        winograd.run(a.at<float>(Op::DX), a.at<float>(Op::DY), u, static_cast<char*>(a.scratch) + weights);
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
        winograd.run(a.at<float>(Op::DW), a.at<float>(Op::DB), a.at<float>(Op::X), a.at<float>(Op::DY),
                     a.scratch);
      },
      winograd.scratch_bytes());
}

}  // namespace alexnode::cpu
