// fill and copy_channels: memory moved as it is, in any layout that an ImageView describes.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace alexnode::cpu {

namespace {

/// A float as a whole number, modulo 2^32 or 2^8; 0 if it is none that 64 bits hold.
int64_t whole(float value) { return std::abs(value) < 0x1p63f ? int64_t(value) : 0; }

template <class T>
KernelPtr make_fill(T value, Specs specs) {
  const int64_t n = int64_t(specs[Fill::Y].bytes() / sizeof(T));
  return make_kernel(std::move(specs), "fill", [=](const Args& a) {
    split(n, [y = a.at<T>(Fill::Y), value](int64_t begin, int64_t end) {
      std::fill(y + begin, y + end, value);
    });
  });
}

/// Channels `from`… of one image of x to channels `to`… of one image of y.
void copy_image(std::byte* y, const std::byte* x, const CopyChannels& f, const ImageView& to,
                const ImageView& from, int64_t size) {
  const auto copy = [&](int64_t at, int64_t what, int64_t count) {
    std::memcpy(y + at * size, x + what * size, size_t(count * size));
  };
  // In runs of channels that lie side by side on both ends; whole blocks in one go for all pixels.
  for (int64_t done = 0; done < f.count;) {
    const int64_t cx = f.from + done, cy = f.to + done;
    const int64_t run = std::min({f.count - done, from.block - cx % from.block, to.block - cy % to.block});
    const int64_t what = from.at(0, cx, 0), at = to.at(0, cy, 0);
    if (run == from.pixel_stride && run == to.pixel_stride)
      copy(at, what, run * to.pixels);
    else
      for (int64_t p = 0; p < to.pixels; p++)
        copy(at + p * to.pixel_stride, what + p * from.pixel_stride, run);
    done += run;
  }
}

}  // namespace

KernelPtr make(const Fill& f, Specs specs) {
  specs.settle_as(Fill::Y);
  switch (specs[Fill::Y].dtype) {
    case DType::bf16:
      return make_fill(bf16(f.value).bits, std::move(specs));
    case DType::u8:
      return make_fill(uint8_t(whole(f.value)), std::move(specs));
    case DType::i32:
      return make_fill(int32_t(whole(f.value)), std::move(specs));
    case DType::u32:
      return make_fill(uint32_t(whole(f.value)), std::move(specs));
    default:
      return make_fill(f.value, std::move(specs));
  }
}

KernelPtr make(const CopyChannels& f, Specs specs) {
  using Op = CopyChannels;
  specs.settle_as(Op::X);
  const auto to = ImageView::of(Op::name, specs.shape(Op::Y), specs[Op::Y].layout);
  const auto from = ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout);
  const auto size = int64_t(size_of(specs[Op::X].dtype));
  return make_kernel(std::move(specs), "copy", [=](const Args& a) {
    split(
        to.n,
        [&, y = a.at<std::byte>(Op::Y), x = a.at<const std::byte>(Op::X)](int64_t begin, int64_t end) {
          for (int64_t n = begin; n < end; n++)
            copy_image(y + n * to.image_stride * size, x + n * from.image_stride * size, f, to, from, size);
        },
        1, 1);
  });
}

}  // namespace alexnode::cpu
