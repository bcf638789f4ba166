// The fully connected layer. In f32 our own product does it, with one layout of the weights, row-major, for
// all three passes: oneDNN would want w transposed in one pass and not in the next. In bf16 oneDNN's inner
// product does it, in the layout that it prefers for each pass. But for few images, where reading the weights
// takes all the time, our own is faster forward.
#include <cstdint>

#include "cpu/dense_mask.h"
#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/onednn.h"
#include "cpu/product/dots.h"
#include "cpu/product/product.h"
#include "cpu/relayout.h"
#include "cpu/relu.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {

using dnnl::prop_kind;

enum class Way { product, relayout, onednn };

/// Settles open layouts: row-major activations and, for f32, row-major weights. Returns how to compute.
Way choose(Specs& specs, std::initializer_list<int> activations, int w) {
  bool f32 = true;
  for (int i : activations) {
    auto& s = specs[i];
    if (s.layout == "any") s.layout = "ab";
    if (s.layout != "ab")
      specs.fail(specs.slots[i].name, ": expected the layout ab, got ", s.layout, "; reorder it first");
    f32 &= s.dtype == DType::f32;
  }
  auto& layout = specs[w].layout;
  if (layout == "any" && f32) layout = "ab";
  return !f32 ? Way::onednn : layout == "ab" || layout == "ba" ? Way::product : Way::relayout;
}

/// The op with weights in a layout of its own choice.
template <class Op>
KernelPtr by_relayout(const Op& f, const Specs& given, int w) {
  Specs open = given;
  open[w].layout = "any";
  return relayout(given, make(f, std::move(open)));
}

/// Strides of w [O, I] in the layout ab or ba.
struct Strides {
  explicit Strides(const Spec& w)
      : out(w.layout == "ab" ? w.shape[1] : 1), in(w.layout == "ab" ? 1 : w.shape[0]) {}
  int64_t out, in;
};

/// The kernel of an op that is one product of two of its slots.
KernelPtr by_product(Specs specs, const ProductShape& shape, int c, int a, int b, int bias = -1) {
  const Product product(shape);
  return make_kernel(
      std::move(specs), product.describe(),
      [=](const Args& args) {
        product.run(args.at<float>(c), args.at<float>(a), args.at<float>(b),
                    bias < 0 ? nullptr : args.at<float>(bias), args.scratch);
      },
      product.scratch_bytes());
}

/// The forward pass in bf16, for few images; x becomes f32 first.
KernelPtr by_dots(Specs specs, const ProductShape& shape) {
  using Op = Dense;
  const Dots<bf16> dots(shape);
  const int64_t count = shape.rows * shape.depth;
  return make_kernel(
      std::move(specs), dots.describe(),
      [=](const Args& args) {
        const auto* x = args.at<bf16>(Op::X);
        auto* numbers = static_cast<float*>(args.scratch);
        for (int64_t i = 0; i < count; i++) numbers[i] = x[i];
        dots.run(args.at<bf16>(Op::Y), numbers, args.at<bf16>(Op::W), args.at<float>(Op::B));
      },
      size_t(count) * sizeof(float));
}

/// sums[j] = sum over i of x[i][j].
ALEXNODE_CLONES void sum_rows(float* sums, const float* x, int64_t rows, int64_t columns, int64_t row) {
  std::fill(sums, sums + columns, 0.f);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) sums[j] += x[i * row + j];
}

Md with_dtype(const Spec& s, DType dtype) {
  Spec copy = s;
  copy.dtype = dtype;
  return descriptor(copy);
}

dnnl::inner_product_forward::primitive_desc forward(const Md& x, const Md& w, const Md& b, const Md& y,
                                                    const dnnl::primitive_attr& attr) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), prop_kind::forward_training, x, w, b, y, attr};
#else
  if (b == Md()) return {{prop_kind::forward_training, x, w, y}, attr, engine()};
  return {{prop_kind::forward_training, x, w, b, y}, attr, engine()};
#endif
}

}  // namespace

KernelPtr make(const Dense& f, Specs specs) {
  using Op = Dense;
  if (specs.has(Op::MASK))
    return then_mask(f, specs, Op::MASK, Op::Y,
                     [](const auto* y, uint8_t* mask, int64_t count) { keep_bits(mask, y, count); });
  specs[Op::B].layout = "a";
  const auto way = choose(specs, {Op::X, Op::Y}, Op::W);
  if (way == Way::relayout) return by_relayout(f, specs, Op::W);
  const int64_t images = specs.shape(Op::X)[0], out = specs.shape(Op::W)[0], in = specs.shape(Op::W)[1];
  auto& layout = specs[Op::W].layout;
  const bool few = way == Way::onednn && images <= Dots<bf16>::kRows && (layout == "any" || layout == "ab");
  if (few) layout = "ab";
  if (few || way == Way::product) {
    const Strides w(specs[Op::W]);
    const ProductShape shape{.rows = images,
                             .columns = out,
                             .depth = in,
                             .c_row = out,
                             .a_row = in,
                             .a_step = 1,
                             .b_step = w.in,
                             .b_column = w.out,
                             .relu = f.relu};
    return few ? by_dots(std::move(specs), shape)
               : by_product(std::move(specs), shape, Op::Y, Op::X, Op::W, Op::B);
  }
  const auto b = specs.has(Op::B) ? descriptor(specs[Op::B]) : Md();
  const auto pd =
      forward(descriptor(specs[Op::X]), descriptor(specs[Op::W]), b, descriptor(specs[Op::Y]), attributes());
  settle(specs, Op::W, pd.weights_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
                                   {DNNL_ARG_DST, Op::Y, pd.dst_desc()}};
  if (specs.has(Op::B)) args.push_back({DNNL_ARG_BIAS, Op::B, pd.bias_desc()});
  Primitive p(dnnl::inner_product_forward(pd), args, pd.scratchpad_desc());
  if (f.relu) return make_relu_kernel(std::move(specs), pd.impl_info_str(), std::move(p), Op::Y);
  return make_kernel(std::move(specs), pd.impl_info_str(), std::move(p));
}

KernelPtr make(const DenseBackwardData& f, Specs specs) {
  using Op = DenseBackwardData;
  if (specs.has(Op::MASK))
    return then_mask(f, specs, Op::MASK, Op::DX,
                     [](auto* dx, const uint8_t* mask, int64_t count) { cut_by_bits(dx, mask, count); });
  const auto way = choose(specs, {Op::DX, Op::DY}, Op::W);
  if (way == Way::relayout) return by_relayout(f, specs, Op::W);
  if (way == Way::product) {
    const Strides w(specs[Op::W]);
    const int64_t out = specs.shape(Op::W)[0], in = specs.shape(Op::W)[1];
    const ProductShape shape{.rows = specs.shape(Op::DY)[0],
                             .columns = in,
                             .depth = out,
                             .c_row = in,
                             .a_row = out,
                             .a_step = 1,
                             .b_step = w.out,
                             .b_column = w.in};
    return by_product(std::move(specs), shape, Op::DX, Op::DY, Op::W);
  }
  const auto dx = descriptor(specs[Op::DX]), w = descriptor(specs[Op::W]), dy = descriptor(specs[Op::DY]);
  const auto hint = forward(dx, w, Md(), dy, attributes());
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::inner_product_backward_data::primitive_desc pd(engine(), dx, w, dy, hint, attributes());
#else
  const dnnl::inner_product_backward_data::primitive_desc pd({dx, w, dy}, attributes(), engine(), hint);
#endif
  settle(specs, Op::W, pd.weights_desc());
  return make_kernel(std::move(specs), pd.impl_info_str(),
                     Primitive(dnnl::inner_product_backward_data(pd),
                               {{DNNL_ARG_DIFF_SRC, Op::DX, pd.diff_src_desc()},
                                {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
                                {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()}},
                               pd.scratchpad_desc()));
}

KernelPtr make(const DenseBackwardWeights& f, Specs specs) {
  using Op = DenseBackwardWeights;
  specs[Op::DB].layout = "a";
  const bool bias = specs.has(Op::DB);
  const auto way = choose(specs, {Op::X, Op::DY}, Op::DW);
  if (way == Way::relayout) return by_relayout(f, specs, Op::DW);
  if (way == Way::product) {
    const int64_t batch = specs.shape(Op::X)[0], out = specs.shape(Op::DW)[0], in = specs.shape(Op::DW)[1];
    // dw = dyᵀ · x, or if dw is transposed, xᵀ · dy.
    const bool plain = specs[Op::DW].layout == "ab";
    const int64_t rows = plain ? out : in, columns = plain ? in : out;
    const Product product({.rows = rows,
                           .columns = columns,
                           .depth = batch,
                           .c_row = columns,
                           .a_row = 1,
                           .a_step = rows,
                           .b_step = columns,
                           .b_column = 1});
    return make_kernel(
        std::move(specs), product.describe(),
        [=](const Args& a) {
          const auto *x = a.at<float>(Op::X), *dy = a.at<float>(Op::DY);
          product.run(a.at<float>(Op::DW), plain ? dy : x, plain ? x : dy, nullptr, a.scratch);
          if (bias)
            split(
                out,
                [db = a.at<float>(Op::DB), dy, batch, out](int64_t begin, int64_t end) {
                  sum_rows(db + begin, dy + begin, batch, end - begin, out);
                },
                2048);
        },
        product.scratch_bytes());
  }
  const auto x = descriptor(specs[Op::X]), dw = descriptor(specs[Op::DW]), dy = descriptor(specs[Op::DY]);
  const auto db = bias ? descriptor(specs[Op::DB]) : Md();
  const auto hint = forward(x, with_dtype(specs[Op::DW], specs[Op::X].dtype), db, dy, attributes());
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::inner_product_backward_weights::primitive_desc pd(engine(), x, dw, db, dy, hint, attributes());
#else
  using Desc = dnnl::inner_product_backward_weights::desc;
  const dnnl::inner_product_backward_weights::primitive_desc pd(bias ? Desc(x, dw, db, dy) : Desc(x, dw, dy),
                                                                attributes(), engine(), hint);
#endif
  settle(specs, Op::DW, pd.diff_weights_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()},
                                   {DNNL_ARG_DIFF_WEIGHTS, Op::DW, pd.diff_weights_desc()}};
  if (bias) args.push_back({DNNL_ARG_DIFF_BIAS, Op::DB, pd.diff_bias_desc()});
  return make_kernel(std::move(specs), pd.impl_info_str(),
                     Primitive(dnnl::inner_product_backward_weights(pd), args, pd.scratchpad_desc()));
}

}  // namespace alexnode::cpu
