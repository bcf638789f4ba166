// Max and average pooling: kernels/pool.cu, in NHWC with 16 bytes of channels per thread. All tensors of a
// call lie in one layout.
#include "cuda/kernels/pool.h"

#include <cstdint>

#include "cuda/cudnn_ops.h"
#include "cuda/kernel.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

/// The slots of a pass: what it writes, what it reads, and which of the two is x.
struct Pass {
  int out, in, x, y, index = -1;
};

/// As ImageView::of, but NCHW stays NCHW for images of one pixel: y may be one pixel where x is not.
ImageView view(const Specs& s, int slot) {
  auto v = ImageView::of(s.op, s.shape(slot), s[slot].layout);
  if (s[slot].layout == "abcd") v.block = 1, v.block_stride = v.pixels, v.pixel_stride = 1;
  return v;
}

/// `narrow` is the suffix of the kernels for one channel per thread.
KernelPtr pool(const PoolFields& f, const std::string& name, const char* narrow, const Pass& pass,
               Specs specs, const Target& target, bool include_padding = true) {
  const auto x = view(specs, pass.x), y = view(specs, pass.y);
  const auto dtype = specs[pass.x].dtype;
  const auto& out = pass.out == pass.x ? x : y;
  const int64_t lanes = 16 / int64_t(size_of(dtype));
  const bool wide = out.block % lanes == 0 && f.index_dtype() == DType::u8;
  const bool paper = name == "max_pool" && f.kernel == Int2{3, 3};
  const auto full = name + (!wide ? narrow : paper ? "_3x3_wide" : "_wide");
  constexpr int64_t most = 1 << 30;
  for (const int64_t size : {x.h, x.w, y.h, y.w, f.kernel[0], f.kernel[1], f.stride[0], f.stride[1]})
    if (size > most) specs.fail("expected sizes of at most ", most, ", got ", size);
  PoolParams params{};
  params.x = image_of(x), params.y = image_of(y), params.include_padding = include_padding;
  params.count = out.n * out.blocks() * out.pixels * (out.block / (wide ? lanes : 1));
  for (int axis : {0, 1}) {
    params.kernel[axis] = int32_t(f.kernel[axis]), params.stride[axis] = int32_t(f.stride[axis]);
    params.before[axis] = int32_t(f.padding[2 * axis]);
    params.after[axis] = int32_t(f.padding[2 * axis + 1]);
  }
  const auto function = target.function("pool", full.c_str(), dtype);
  return make_launch(std::move(specs), wide ? "wide" : "narrow", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.out = a.at<void>(pass.out), p.in = a.at<const void>(pass.in);
    if (pass.index >= 0) p.index = a.at<void>(pass.index);
    launch(function, blocks_for(launch.gpu, p.count, kThreads), {kThreads}, p);
  });
}

const char* narrow_max(const PoolFields& f) { return f.index_dtype() == DType::u8 ? "_u8" : "_i32"; }

}  // namespace

KernelPtr make(const MaxPool& f, Specs specs, const Target& target) {
  using Op = MaxPool;
  settle_alike(specs, {Op::X, Op::Y, Op::Index});
  if (target.options.cudnn)
    if (auto kernel = make_by_cudnn(f, specs, target)) return kernel;
  return pool(f, "max_pool", narrow_max(f), {Op::Y, Op::X, Op::X, Op::Y, Op::Index}, std::move(specs),
              target);
}

KernelPtr make(const MaxPoolBackward& f, Specs specs, const Target& target) {
  using Op = MaxPoolBackward;
  settle_alike(specs, {Op::DY, Op::Index, Op::DX});
  return pool(f, "max_pool_backward", narrow_max(f), {Op::DX, Op::DY, Op::DX, Op::DY, Op::Index},
              std::move(specs), target);
}

KernelPtr make(const AvgPool& f, Specs specs, const Target& target) {
  using Op = AvgPool;
  settle_alike(specs, {Op::X, Op::Y});
  if (target.options.cudnn)
    if (auto kernel = make_by_cudnn(f, specs, target)) return kernel;
  return pool(f, "avg_pool", "", {Op::Y, Op::X, Op::X, Op::Y}, std::move(specs), target, f.include_padding);
}

KernelPtr make(const AvgPoolBackward& f, Specs specs, const Target& target) {
  using Op = AvgPoolBackward;
  settle_alike(specs, {Op::DY, Op::DX});
  if (target.options.cudnn)
    if (auto kernel = make_by_cudnn(f, specs, target)) return kernel;
  return pool(f, "avg_pool_backward", "", {Op::DX, Op::DY, Op::DX, Op::DY}, std::move(specs), target,
              f.include_padding);
}

}  // namespace alexnode::cuda
