#include "cpu/pool/plan.h"

#include <cstdint>
#include <string>

namespace alexnode::cpu::pooling {

namespace {

/// As ImageView::of, but NCHW stays NCHW for images of one pixel: x may be one pixel where y is not.
ImageView view(const Specs& s, int slot) {
  auto v = ImageView::of(s.op, s[slot].shape, s[slot].layout);
  if (s[slot].layout == "abcd") v.block = 1, v.block_stride = v.pixels, v.pixel_stride = 1;
  return v;
}

}  // namespace

Axis::Axis(int64_t kernel, int64_t stride, int64_t before, int64_t after, int64_t in, int64_t out)
    : kernel(kernel), stride(stride), before(before), in(in), out(out) {
  for (int64_t o = 0; o < out; o++) {
    const int64_t start = o * stride - before;
    cells.push_back({std::max<int64_t>(-start, 0), std::min(kernel, in - start)});
    padded.push_back(std::min(kernel, in + after - start));
  }
  for (int64_t i = 0; i < in; i++) {
    const int64_t first = std::max<int64_t>(i + before - kernel + 1, 0);
    windows.push_back({(first + stride - 1) / stride, std::min((i + before) / stride + 1, out)});
  }
}

Plan make_plan(const PoolFields& f, const Specs& s, int x, int y) {
  const auto vx = view(s, x), vy = view(s, y);
  return {{f.kernel[0], f.stride[0], f.padding[0], f.padding[1], vx.h, vy.h},
          {f.kernel[1], f.stride[1], f.padding[2], f.padding[3], vx.w, vy.w},
          vx,
          vy,
          vx.block};
}

void same_layout(Specs& specs, std::initializer_list<int> slots) {
  std::string layout = "any";
  for (int i : slots)
    if (specs.has(i) && layout == "any") layout = specs[i].layout;
  if (layout == "any") layout = "abcd";
  for (int i : slots) {
    if (!specs.has(i)) continue;
    auto& s = specs[i];
    if (s.layout == "any") s.layout = layout;
    if (s.layout != layout)
      specs.fail(specs.slots[i].name, ": expected the layout ", layout,
                 " as the other tensors of this call, got ", s.layout, "; reorder it first");
  }
}

}  // namespace alexnode::cpu::pooling
