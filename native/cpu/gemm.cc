// The matrix product: our own in f32, oneDNN's matmul in bf16. A transposed matrix is the same memory in the
// other layout.
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/onednn.h"
#include "cpu/product/product.h"

namespace alexnode::cpu {

namespace {

Md matrix(Spec s, bool transpose) {
  if (transpose) {
    std::swap(s.shape[0], s.shape[1]);
    s.layout = s.layout == "ab" ? "ba" : "ab";
  }
  return descriptor(s);
}

void append_linear(dnnl::post_ops& ops, float factor) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(dnnl::algorithm::eltwise_linear, factor, 0);
#else
  ops.append_eltwise(1, dnnl::algorithm::eltwise_linear, factor, 0);
#endif
}

KernelPtr by_product(const Gemm& f, Specs specs) {
  using Op = Gemm;
  const auto &c = specs[Op::C], &a = specs[Op::A], &b = specs[Op::B];
  // Strides of op(a) and op(b) along their rows and columns.
  const auto strides = [](const Spec& s, bool transpose) {
    return (s.layout == "ab") != transpose ? std::pair(s.shape[!transpose], int64_t(1))
                                           : std::pair(int64_t(1), s.shape[transpose]);
  };
  const auto [a_row, a_step] = strides(a, f.transpose_a);
  const auto [b_step, b_column] = strides(b, f.transpose_b);
  const bool plain = c.layout == "ab";  // else cᵀ = bᵀ · aᵀ
  const Product product({.rows = c.shape[!plain],
                         .columns = c.shape[plain],
                         .depth = a.shape[!f.transpose_a],
                         .c_row = c.shape[plain],
                         .a_row = plain ? a_row : b_column,
                         .a_step = plain ? a_step : b_step,
                         .b_step = plain ? b_step : a_step,
                         .b_column = plain ? b_column : a_row,
                         .alpha = f.alpha,
                         .beta = f.beta});
  const int left = plain ? Op::A : Op::B, right = plain ? Op::B : Op::A;
  return make_kernel(
      std::move(specs), product.describe(),
      [=](const Args& args) {
        product.run(args.at<float>(Op::C), args.at<float>(left), args.at<float>(right), nullptr,
                    args.scratch);
      },
      product.scratch_bytes());
}

/// alpha · (product + beta / alpha · c), since oneDNN's fast code takes a sum as its first post-op alone.
dnnl::primitive_attr scaled(float alpha, float beta) {
  auto attr = attributes();
  dnnl::post_ops ops;
  if (alpha == 0) append_linear(ops, 0);
  if (beta != 0) ops.append_sum(alpha == 0 ? beta : beta / alpha);
  if (alpha != 0 && alpha != 1) append_linear(ops, alpha);
  attr.set_post_ops(ops);
  return attr;
}

}  // namespace

KernelPtr make(const Gemm& f, Specs specs) {
  using Op = Gemm;
  for (auto& s : specs)
    if (s.layout == "any") s.layout = "ab";
  for (size_t i = 0; i < specs.size(); i++)
    if (specs[i].layout != "ab" && specs[i].layout != "ba")
      specs.fail(specs.slots[i].name, ": expected the layout ab or ba, got ", specs[i].layout,
                 "; reorder first");
  if (specs[Op::C].dtype == DType::f32) return by_product(f, std::move(specs));
  const auto c = descriptor(specs[Op::C]);
  const auto a = matrix(specs[Op::A], f.transpose_a), b = matrix(specs[Op::B], f.transpose_b);
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc pd(engine(), a, b, c, scaled(f.alpha, f.beta));
#else
  const dnnl::matmul::primitive_desc pd({a, b, c}, scaled(f.alpha, f.beta), engine());
#endif
  return make_kernel(
      std::move(specs), pd.impl_info_str(),
      Primitive(dnnl::matmul(pd),
                {{DNNL_ARG_SRC, Op::A, a}, {DNNL_ARG_WEIGHTS, Op::B, b}, {DNNL_ARG_DST, Op::C, c}},
                pd.scratchpad_desc()));
}

}  // namespace alexnode::cpu
