// From bytes to a net's input: kernels/image.cu.
#include "cuda/kernels/image.h"

#include <cstdint>

#include "cuda/kernel.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

CUfunction function_of(const Target& target, const char* name, const Spec& y, const Spec& x) {
  return target.function("image", text(name, "_", name_of(y.dtype), "_", name_of(x.dtype)));
}

}  // namespace

KernelPtr make(const Normalize&, Specs specs, const Target& target) {
  using Op = Normalize;
  settle_images(specs, Op::X);
  const auto &y = specs[Op::Y], &x = specs[Op::X];
  const auto to = ImageView::of(Op::name, y.shape, y.layout),
             from = ImageView::of(Op::name, x.shape, x.layout);
  constexpr int some = 4;
  const bool flat = to.block == to.c && from.block == from.c, wide = to.block % some == 0;
  const char* name = flat ? "normalize_flat" : wide ? "normalize_some" : "normalize_one";
  NormalizeParams params{};
  params.to = image_of(to), params.from = image_of(from);
  params.count = flat || !wide ? y.stored() : y.stored() / some;
  const int64_t threads = flat ? (y.stored() + some - 1) / some : params.count;
  const auto function = function_of(target, name, y, x);
  return make_launch(std::move(specs), name, [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y), p.x = a.at<const void>(Op::X);
    p.mean = a.at<const float>(Op::Mean), p.scale = a.at<const float>(Op::Factor);
    launch(function, blocks_for(launch.gpu, threads, kThreads), {kThreads}, p);
  });
}

KernelPtr make(const Resize& f, Specs specs, const Target& target) {
  using Op = Resize;
  settle_images(specs, Op::X);
  const auto &y = specs[Op::Y], &x = specs[Op::X];
  const auto to = ImageView::of(Op::name, y.shape, y.layout),
             from = ImageView::of(Op::name, x.shape, x.layout);
  ResizeParams params{};
  params.to = image_of(to), params.from = image_of(from), params.count = y.stored();
  params.top = f.padding[0], params.left = f.padding[2];
  params.height = to.h - f.padding[0] - f.padding[1], params.width = to.w - f.padding[2] - f.padding[3];
  params.value = f.value;
  const auto function = function_of(target, "resize", y, x);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y), p.x = a.at<const void>(Op::X);
    launch(function, blocks_for(launch.gpu, p.count, kThreads), {kThreads}, p);
  });
}

}  // namespace alexnode::cuda
