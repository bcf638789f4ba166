// copy_channels and fill.
#include "cuda/kernels/move.h"

#include <cstdint>

#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

bool aligned(const void* a, const void* b) {
  return (reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) % 16 == 0;
}

}  // namespace

KernelPtr make(const CopyChannels& f, Specs specs, const Target& target) {
  using Op = CopyChannels;
  specs.settle_as(Op::X);
  const auto to = ImageView::of(Op::name, specs.shape(Op::Y), specs[Op::Y].layout);
  const auto from = ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout);
  const auto size = int64_t(size_of(specs[Op::X].dtype));

  // Both tensors in runs at constant strides: pixels of NHWC, images of NCHW and of whole blocks.
  CopyRowsParams rows{};
  int64_t first_to = 0, first_from = 0;
  if (to.block == to.c && from.block == from.c) {
    rows = {nullptr, nullptr, to.n * to.pixels, f.count, to.pixel_stride, from.pixel_stride};
    first_to = f.to, first_from = f.from;
  } else if (to.block == from.block && f.to % to.block == 0 && f.from % to.block == 0 &&
             f.count % to.block == 0) {
    rows = {nullptr, nullptr, to.n, f.count * to.pixels, to.image_stride, from.image_stride};
    first_to = f.to * to.pixels, first_from = f.from * to.pixels;
  }
  if (rows.run) {
    const int64_t wide = 16 / size;
    const bool whole = (rows.run | rows.y_step | rows.x_step | first_to | first_from) % wide == 0;
    const auto one = target.function("move", text("copy_rows_", size));
    const auto many = whole ? target.function("move", "copy_rows_16") : nullptr;
    return make_launch(std::move(specs), "copy rows", [=](const Args& a, const Launch& launch) {
      auto p = rows;
      p.y = a.at<std::byte>(Op::Y) + first_to * size, p.x = a.at<const std::byte>(Op::X) + first_from * size;
      const bool all = many && aligned(p.y, p.x);
      if (all) p.run /= wide, p.y_step /= wide, p.x_step /= wide;
      launch(all ? many : one, blocks_for(launch.gpu, p.rows * p.run, kThreads), {kThreads}, p);
    });
  }
  const auto function = target.function("move", text("copy_channels_", size));
  const CopyChannelsParams params{nullptr, nullptr, image_of(to), image_of(from), f.to, f.from, f.count};
  return make_launch(std::move(specs), "copy channels", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y), p.x = a.at<const void>(Op::X);
    launch(function, blocks_for(launch.gpu, p.to.n * p.channels * p.to.pixels, kThreads), {kThreads}, p);
  });
}

KernelPtr make(const Fill& f, Specs specs, const Target& target) {
  using Op = Fill;
  specs.settle_as(Op::Y);
  const auto& y = specs[Op::Y];
  const auto whole = uint32_t(int64_t(f.value));
  const bool integers = y.dtype == DType::u8 || y.dtype == DType::i32 || y.dtype == DType::u32;
  const auto function =
      integers ? target.function("move", "fill_word") : target.function("move", "fill", y.dtype);
  const FillParams params{nullptr, int64_t(y.bytes()), f.value,
                          y.dtype == DType::u8 ? (whole & 0xff) * 0x1010101u : whole};
  return make_launch(std::move(specs), "fill", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y);
    launch(function, blocks_for(launch.gpu, (p.bytes + 15) / 16, kThreads), {kThreads}, p);
  });
}

}  // namespace alexnode::cuda
