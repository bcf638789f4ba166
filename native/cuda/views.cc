// The logarithm of the mean of several softmaxes: kernels/views.cu.
#include "cuda/kernels/views.h"

#include <algorithm>
#include <cstdint>

#include "cuda/kernel.h"

namespace alexnode::cuda {

KernelPtr make(const LogMeanSoftmax&, Specs specs, const Target& target) {
  using Op = LogMeanSoftmax;
  for (int i : {Op::Y, Op::X}) {
    const auto dense = dense_layout(specs.shape(i).size());
    if (specs[i].layout == "any") specs[i].layout = dense;
    if (specs[i].layout != dense)
      specs.fail(specs.slots[i].name, ": expected the layout '", dense, "', got '", specs[i].layout,
                 "'; reorder first");
  }
  const auto& x = specs.shape(Op::X);
  LogMeanSoftmaxParams params{};
  params.views = x[0], params.rows = x[1], params.columns = x[2];
  const Extent grid{unsigned(x[1])}, block{unsigned(std::clamp<int64_t>((x[2] + 127) / 128, 1, 8) * 32)};
  const auto function = target.function("views", "log_mean_softmax", specs[Op::X].dtype);
  const auto run = [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<float>(Op::Y), p.x = a.at<const void>(Op::X), p.levels = static_cast<float*>(a.scratch);
    launch(function, grid, block, p);
  };
  return make_launch(std::move(specs), "kernel", run, size_t(params.rows * params.views) * 4);
}

}  // namespace alexnode::cuda
