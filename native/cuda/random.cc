// Dropout, random fills, and the step of the random state: kernels/random.cu.
#include "cuda/kernels/random.h"

#include <cstdint>

#include "cuda/kernel.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

/// y = x dropped out, slots 0 and 1, with rng in slot 2.
KernelPtr make_dropout(const DropoutFields& f, Specs specs, const Target& target) {
  settle_images(specs, 1);
  specs.same_layout({0, 1});
  const auto v = ImageView::of(specs.op, specs.shape(1), specs[1].layout);
  const bool in_order = specs[1].layout == dense_layout(specs.shape(1).size());
  const int64_t channels = f.channels ? f.channels : v.c, own = v.c * v.pixels;
  DropoutParams p{};
  p.rate = f.rate, p.scale = f.scale, p.purpose = u32(f.purpose);
  p.sample = channels * v.pixels, p.offset = f.channel_offset * v.pixels;
  p.image = image_of(v);
  // If the tensor is whole, its images follow each other in the numbers as well.
  p.runs = channels == v.c ? 1 : v.n, p.length = channels == v.c ? v.n * own : own;
  const int64_t items =
      in_order ? p.runs * ((p.length + 6) / 4) : v.n * v.blocks() * v.block * ((v.pixels + 6) / 4);
  const auto function = target.function("random", in_order ? "dropout" : "strided_dropout", specs[1].dtype);
  const auto grid = blocks_for(target.gpu, items, kThreads);
  return make_launch(std::move(specs), in_order ? "kernel" : "strided kernel",
                     [=](const Args& a, const Launch& launch) {
                       auto params = p;
                       params.y = a.at<void>(0), params.x = a.at<void>(1), params.rng = a.at<const u32>(2);
                       launch(function, grid, {kThreads}, params);
                     });
}

/// y, slot 0, with rng in slot 1.
KernelPtr make_fill(const char* name, int64_t purpose, float low_or_mean, float high_or_std, Specs specs,
                    const Target& target) {
  specs.settle_as(0);
  if (specs[0].layout != dense_layout(specs.shape(0).size()))
    specs.fail("y: expected a row-major layout, got '", specs[0].layout, "'; fill first and reorder then");
  const int64_t count = elements(specs.shape(0));
  const auto function = target.function("random", name, specs[0].dtype);
  const auto grid = blocks_for(target.gpu, (count + 3) / 4, kThreads);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(
        function, grid, {kThreads},
        RandomFillParams{a.at<void>(0), a.at<const u32>(1), count, u32(purpose), low_or_mean, high_or_std});
  });
}

}  // namespace

KernelPtr make(const Dropout& f, Specs specs, const Target& target) {
  return make_dropout(f, std::move(specs), target);
}
KernelPtr make(const DropoutBackward& f, Specs specs, const Target& target) {
  return make_dropout(f, std::move(specs), target);
}
KernelPtr make(const FillUniform& f, Specs specs, const Target& target) {
  return make_fill("fill_uniform", f.purpose, f.low, f.high, std::move(specs), target);
}
KernelPtr make(const FillNormal& f, Specs specs, const Target& target) {
  return make_fill("fill_normal", f.purpose, f.mean, f.std, std::move(specs), target);
}

KernelPtr make(const Advance& f, Specs specs, const Target& target) {
  specs.settle_as(Advance::Rng);
  const auto function = target.function("random", "advance");
  return make_launch(std::move(specs), "kernel", [=, by = u32(f.by)](const Args& a, const Launch& launch) {
    launch(function, {1}, {1}, AdvanceParams{a.at<u32>(Advance::Rng), by});
  });
}

}  // namespace alexnode::cuda
