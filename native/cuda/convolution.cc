// Convolution in NHWC. A library computes only the product: asymmetric padding is added as zeros before it
// and cut off after it, biases and ReLU follow, and 16-bit gradients of weights are converted to f32. Images
// of few channels are padded to whole vectors if the layout is ours to choose: blocked layouts of one block
// are NHWC with more channels, which are zero on both sides of the product.
#include <cstdint>
#include <optional>

#include "cuda/bias.h"
#include "cuda/cudnn_convolution.h"
#include "cuda/kernels/pad.h"
#include "cuda/relayout.h"

namespace alexnode::cuda {

namespace {

/// Layouts of x and w that the product wants; y's is NHWC.
struct Layouts {
  std::string x = "acdb", w;
};

Layouts layouts(const ConvFields& f, const Specs& specs, int x, int w) {
  if (f.groups > 1) return {.w = "abdec"};
  const int64_t block = specs[x].dtype == DType::f32 ? 4 : 8;
  if (specs.shape(x)[1] >= block || specs[x].layout == "acdb" || specs[w].layout == "acdb")
    return {.w = "acdb"};
  const auto blocked = text("aBcd", block, "b");
  return {blocked, blocked};
}

/// Channels in memory.
int64_t channels(const Spec& x) {
  const int64_t block = Layout::parse(x.layout, 4).block(1);
  return (x.shape[1] + block - 1) / block * block;
}

/// The asymmetric part of x's padding, as zeros in scratch.
class Uneven {
 public:
  Uneven(const ConvFields& f, const Spec& x, const Target& target, Scratch& scratch, bool crop) {
    const auto [top, bottom, left, right] = f.padding;
    padding = {std::min(top, bottom), std::min(left, right)};
    const int64_t h = x.shape[2], w = x.shape[3];
    border_ = {.outer = nullptr,
               .inner = nullptr,
               .n = x.shape[0],
               .c = channels(x),
               .outer_h = h + top + bottom - 2 * padding[0],
               .outer_w = w + left + right - 2 * padding[1],
               .inner_h = h,
               .inner_w = w,
               .top = top - padding[0],
               .left = left - padding[1]};
    dims = {border_.n, border_.c, border_.outer_h, border_.outer_w};
    if (top == bottom && left == right) return;
    const size_t size = size_of(x.dtype);
    function_ = target.function("pad", text(crop ? "crop_" : "pad_", size * 8));
    const int64_t outer = dims[0] * dims[1] * dims[2] * dims[3], inner = border_.n * border_.c * h * w;
    blocks_ = blocks_for(target.gpu, crop ? inner : outer, kThreads);
    at_ = scratch.take(size_t(outer) * size);
  }
  /// x as the product takes it.
  const void* before(const Launch& launch, const Args& args, void* x) const {
    if (!function_) return x;
    run(launch, args, x);
    return Scratch::at(args, at_);
  }
  /// Where the product writes dx; `after` copies it from there.
  void* place(const Args& args, void* dx) const { return function_ ? Scratch::at(args, at_) : dx; }
  void after(const Launch& launch, const Args& args, void* dx) const {
    if (function_) run(launch, args, dx);
  }

  Int2 padding{};  // that is left for the product
  Int4 dims{};     // of x with the border

 private:
  void run(const Launch& launch, const Args& args, void* x) const {
    auto border = border_;
    border.outer = Scratch::at(args, at_), border.inner = x;
    launch(function_, blocks_, {kThreads}, border);
  }
  CUfunction function_ = nullptr;
  Extent blocks_;
  Border border_{};
  size_t at_ = 0;
};

ConvolutionShape shape_of(ConvolutionPass pass, const ConvFields& f, const Spec& x, const Spec& w,
                          const Spec& y, const Uneven& uneven) {
  const auto& d = w.shape;
  const size_t i = d.size() - 3;
  return {.pass = pass,
          .dtype = x.dtype,
          .x = uneven.dims,
          .w = {y.shape[1], f.groups > 1 ? d[i] : channels(x), d[i + 1], d[i + 2]},
          .y = {y.shape[0], y.shape[1], y.shape[2], y.shape[3]},
          .padding = uneven.padding,
          .stride = f.stride,
          .dilation = f.dilation,
          .groups = f.groups};
}

int64_t rows(const Spec& y) { return y.shape[0] * y.shape[2] * y.shape[3]; }

KernelPtr make_in(const Conv2d& f, Specs specs, const Target& target) {
  using Op = Conv2d;
  Scratch scratch;
  const auto &x = specs[Op::X], &w = specs[Op::W], &y = specs[Op::Y];
  const Uneven uneven(f, x, target, scratch, false);
  const auto product = make_convolution(shape_of(ConvolutionPass::forward, f, x, w, y, uneven), target);
  const size_t workspace = scratch.take(product->workspace);
  std::optional<BiasRelus> bias;
  if (specs.has(Op::B) || f.relu) bias.emplace(target, y.dtype, rows(y), y.shape[1], f.relu);
  const auto words = product->description + (bias ? ", then bias and ReLU" : "");
  return make_vendor_launch(
      std::move(specs), words,
      [=](const Args& args, const Launch& launch) {
        product->run(launch, args.slot[Op::Y], uneven.before(launch, args, args.slot[Op::X]),
                     args.slot[Op::W], Scratch::at(args, workspace));
        if (bias) bias->run(launch, args.slot[Op::Y], args.at<float>(Op::B));
      },
      scratch.bytes());
}

KernelPtr make_in(const Conv2dBackwardData& f, Specs specs, const Target& target) {
  using Op = Conv2dBackwardData;
  Scratch scratch;
  const auto &dx = specs[Op::DX], &w = specs[Op::W], &dy = specs[Op::DY];
  const Uneven uneven(f, dx, target, scratch, true);
  const auto product =
      make_convolution(shape_of(ConvolutionPass::backward_data, f, dx, w, dy, uneven), target);
  const size_t workspace = scratch.take(product->workspace);
  const auto words = product->description;
  return make_vendor_launch(
      std::move(specs), words,
      [=](const Args& args, const Launch& launch) {
        product->run(launch, uneven.place(args, args.slot[Op::DX]), args.slot[Op::DY], args.slot[Op::W],
                     Scratch::at(args, workspace));
        uneven.after(launch, args, args.slot[Op::DX]);
      },
      scratch.bytes());
}

KernelPtr make_in(const Conv2dBackwardWeights& f, Specs specs, const Target& target) {
  using Op = Conv2dBackwardWeights;
  Scratch scratch;
  const auto &dw = specs[Op::DW], &x = specs[Op::X], &dy = specs[Op::DY];
  const Uneven uneven(f, x, target, scratch, false);
  const auto product =
      make_convolution(shape_of(ConvolutionPass::backward_weights, f, x, dw, dy, uneven), target);
  const size_t workspace = scratch.take(product->workspace);
  std::optional<Widening> widening;
  size_t narrow = 0;
  if (x.dtype != DType::f32) {
    const size_t count = dw.bytes() / size_of(dw.dtype);
    widening.emplace(target, x.dtype, int64_t(count));
    narrow = scratch.take(count * size_of(x.dtype));
  }
  std::optional<BiasGradients> bias;
  if (specs.has(Op::DB)) bias.emplace(target, dy.dtype, rows(dy), dy.shape[1], scratch);
  const auto words = product->description + (bias ? ", and sums" : "");
  return make_vendor_launch(
      std::move(specs), words,
      [=](const Args& args, const Launch& launch) {
        void* to = widening ? Scratch::at(args, narrow) : args.slot[Op::DW];
        product->run(launch, to, uneven.before(launch, args, args.slot[Op::X]), args.slot[Op::DY],
                     Scratch::at(args, workspace));
        if (widening) widening->run(launch, args.at<float>(Op::DW), to);
        if (bias) bias->run(launch, args.at<float>(Op::DB), args.slot[Op::DY], args);
      },
      scratch.bytes());
}

template <class Op>
KernelPtr make_convolution_op(const Op& f, Specs specs, const Target& target, int x, int w, int y) {
  const auto wanted = layouts(f, specs, x, w);
  return in_layouts(std::move(specs), {{x, wanted.x}, {w, wanted.w}, {y, "acdb"}}, target,
                    [&](Specs inner) { return make_in(f, std::move(inner), target); });
}

}  // namespace

KernelPtr make(const Conv2d& f, Specs specs, const Target& target) {
  using Op = Conv2d;
  specs[Op::B].layout = "a";
  return make_convolution_op(f, std::move(specs), target, Op::X, Op::W, Op::Y);
}

KernelPtr make(const Conv2dBackwardData& f, Specs specs, const Target& target) {
  using Op = Conv2dBackwardData;
  return make_convolution_op(f, std::move(specs), target, Op::DX, Op::W, Op::DY);
}

KernelPtr make(const Conv2dBackwardWeights& f, Specs specs, const Target& target) {
  using Op = Conv2dBackwardWeights;
  specs[Op::DB].layout = "a";
  return make_convolution_op(f, std::move(specs), target, Op::X, Op::DW, Op::DY);
}

}  // namespace alexnode::cuda
