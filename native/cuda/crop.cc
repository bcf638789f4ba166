// From the bytes of stored images to a net's input: kernels/crop.cu.
#include "cuda/kernels/crop.h"

#include <algorithm>

#include "cuda/kernel.h"

namespace alexnode::cuda {

KernelPtr make(const Crop& f, Specs specs, const Target& target) {
  using Op = Crop;
  constexpr int threads = 256, most = 8;  // pixels per thread, at most: they share one draw
  if (specs[Op::X].layout == "any") specs[Op::X].layout = "acdb";
  if (specs[Op::X].layout != "acdb")
    specs.fail("x: expected the layout 'acdb', got '", specs[Op::X].layout, "'; reorder first");
  specs.settle_as(Op::X);
  const auto &y = specs[Op::Y], &x = specs[Op::X];
  const auto to = ImageView::of(Op::name, y.shape, y.layout),
             from = ImageView::of(Op::name, x.shape, x.layout);
  CropParams params{};
  params.to = image_of(to), params.from = image_of(from);
  params.draws = {f.top,       f.left,     f.offsets[0],   f.offsets[1],
                  f.shared,    f.sigma,    u32(f.purpose), u32(f.colour_purpose),
                  int(from.c), f.mirrored, f.flip};
  if (specs.has(Op::Mean))
    params.kind = specs.shape(Op::Mean).size() == 1 ? CropMean::channel
                  : f.fixed_mean                    ? CropMean::crop
                                                    : CropMean::image;
  params.parts = (to.pixels + threads * most - 1) / (threads * most);
  // A store takes 16 bytes at most.
  const int lanes = to.block % 8 == 0 && size_of(y.dtype) == 2 ? 8 : to.block % 4 == 0 ? 4 : 1;
  const auto function = target.function("crop", text("crop_", lanes, "_", name_of(y.dtype)));
  const auto grid = Extent{unsigned(params.parts * to.n)};
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y), p.x = a.at<const u8>(Op::X);
    p.mean = a.at<const float>(Op::Mean), p.factor = a.at<const float>(Op::Factor);
    p.colours = a.at<const float>(Op::Colours), p.rng = a.at<const u32>(Op::Rng);
    launch(function, grid, {threads}, p);
  });
}

}  // namespace alexnode::cuda
