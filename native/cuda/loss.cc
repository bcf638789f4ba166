// Softmax, its backward, and cross-entropy: kernels/loss.cu.
#include "cuda/kernels/loss.h"

#include <algorithm>
#include <cstdint>

#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

/// Settles these slots as contiguous rows.
void settle_rows(Specs& specs, std::initializer_list<int> slots) {
  for (int i : slots) {
    if (!specs.has(i)) continue;
    if (specs[i].layout == "any") specs[i].layout = "ab";
    if (specs[i].layout != "ab")
      specs.fail(specs.slots[i].name, ": expected the layout 'ab', got '", specs[i].layout,
                 "'; reorder first");
  }
}

/// One block, of a warp for each 128 columns.
struct Rows {
  explicit Rows(const Shape& shape)
      : rows(shape[0]),
        columns(shape[1]),
        grid{unsigned(rows)},
        block{unsigned(std::clamp<int64_t>((columns + 127) / 128, 1, 8) * 32)} {}
  int64_t rows, columns;
  Extent grid, block;
};

/// Of cross_entropy, or of sigmoid_cross_entropy, by the name of its kernel.
KernelPtr make_loss(const char* kernel, const CrossEntropy& f, Specs specs, const Target& target) {
  using Op = CrossEntropy;
  settle_rows(specs, {Op::DLogits, Op::Logits});
  specs.settle_as(Op::Logits);
  const Rows r(specs.shape(Op::Logits));
  const auto rows = target.function("loss", kernel, specs[Op::Logits].dtype);
  const auto stats = target.function("loss", "loss_stats");
  const auto run = [=, topk = f.topk](const Args& a, const Launch& launch) {
    auto* results = static_cast<LossRow*>(a.scratch);
    const auto* valid = a.at<const i32>(Op::Valid);
    launch(rows, r.grid, r.block,
           CrossEntropyParams{a.at<void>(Op::DLogits), results, a.at<void>(Op::Logits),
                              a.at<const i32>(Op::Labels), valid, a.at<const float>(Op::Factor),
                              a.at<const float>(Op::Smoothing), r.rows, r.columns, SigmoidCrossEntropy::low,
                              SigmoidCrossEntropy::high});
    launch(stats, {1}, {256}, LossStatsParams{a.at<float>(Op::Stats), results, valid, r.rows, topk});
  };
  return make_launch(std::move(specs), "kernel", run, size_t(r.rows) * sizeof(LossRow));
}

}  // namespace

KernelPtr make(const Softmax&, Specs specs, const Target& target) {
  using Op = Softmax;
  settle_rows(specs, {Op::Y, Op::X});
  const Rows r(specs.shape(Op::X));
  const auto function = target.function("loss", "softmax", specs[Op::X].dtype);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, r.grid, r.block,
           SoftmaxParams{a.at<void>(Op::Y), a.at<void>(Op::X), nullptr, nullptr, r.columns});
  });
}

KernelPtr make(const SoftmaxBackward&, Specs specs, const Target& target) {
  using Op = SoftmaxBackward;
  settle_rows(specs, {Op::DX, Op::Y, Op::DY});
  const Rows r(specs.shape(Op::Y));
  const auto function = target.function("loss", "softmax_backward", specs[Op::Y].dtype);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, r.grid, r.block,
           SoftmaxParams{a.at<void>(Op::DX), nullptr, a.at<void>(Op::Y), a.at<void>(Op::DY), r.columns});
  });
}

KernelPtr make(const CrossEntropy& f, Specs specs, const Target& target) {
  return make_loss("cross_entropy", f, std::move(specs), target);
}

KernelPtr make(const SigmoidCrossEntropy& f, Specs specs, const Target& target) {
  return make_loss("sigmoid_cross_entropy", f, std::move(specs), target);
}

}  // namespace alexnode::cuda
