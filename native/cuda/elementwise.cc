// Elementwise ops, in memory order: kernels/elementwise.cu.
#include "cuda/kernels/elementwise.h"

#include <cstdint>

#include "cuda/kernel.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

/// y = f(a) or f(a, b), slots 0, 1 and, of a call of three, 2.
KernelPtr make_map(const char* name, Specs specs, const Target& target, float factor = 0) {
  settle_images(specs, 1);
  const bool two = specs.size() > 2;
  if (two)
    specs.same_layout({0, 1, 2});
  else
    specs.same_layout({0, 1});
  const auto function = target.function("elementwise", name, specs[1].dtype);
  const int64_t count = specs[1].stored(), lanes = 16 / int64_t(size_of(specs[1].dtype));
  const auto grid = blocks_for(target.gpu, (count + lanes - 1) / lanes, kThreads);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, grid, {kThreads},
           MapParams{a.at<void>(0), a.at<void>(1), two ? a.at<void>(2) : nullptr, count, factor});
  });
}

}  // namespace

KernelPtr make(const Relu&, Specs specs, const Target& target) {
  return make_map("relu", std::move(specs), target);
}
KernelPtr make(const LeakyRelu& f, Specs specs, const Target& target) {
  return make_map("leaky_relu", std::move(specs), target, f.slope);
}
KernelPtr make(const Tanh&, Specs specs, const Target& target) {
  return make_map("tanh", std::move(specs), target);
}
KernelPtr make(const Scale& f, Specs specs, const Target& target) {
  return make_map("scale", std::move(specs), target, f.factor);
}
KernelPtr make(const ReluBackward&, Specs specs, const Target& target) {
  return make_map("relu_backward", std::move(specs), target);
}
KernelPtr make(const LeakyReluBackward& f, Specs specs, const Target& target) {
  return make_map("leaky_relu_backward", std::move(specs), target, f.slope);
}
KernelPtr make(const TanhBackward&, Specs specs, const Target& target) {
  return make_map("tanh_backward", std::move(specs), target);
}
KernelPtr make(const SigmoidBackward&, Specs specs, const Target& target) {
  return make_map("sigmoid_backward", std::move(specs), target);
}
KernelPtr make(const Add& f, Specs specs, const Target& target) {
  return make_map(f.relu ? "add_relu" : "add", std::move(specs), target);
}

// σ(0) is not 0, so this op alone must restore the padding.
KernelPtr make(const Sigmoid&, Specs specs, const Target& target) {
  settle_images(specs, Sigmoid::X);
  const auto& x = specs[Sigmoid::X];
  if (Layout::parse(x.layout, x.shape.size()).inner.empty())
    return make_map("sigmoid", std::move(specs), target);
  specs.same_layout({Sigmoid::Y, Sigmoid::X});
  const auto image = image_of(ImageView::of(Sigmoid::name, x.shape, x.layout));
  const auto function = target.function("elementwise", "padded_sigmoid", x.dtype);
  const int64_t count = x.stored();
  const auto grid = blocks_for(target.gpu, count, kThreads);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, grid, {kThreads},
           PaddedMapParams{a.at<void>(Sigmoid::Y), a.at<void>(Sigmoid::X), count, image});
  });
}

}  // namespace alexnode::cuda
