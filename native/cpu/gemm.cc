// The matrix product by oneDNN's matmul. A transposed matrix is the same memory in the other layout.
#include "cpu/kernels.h"
#include "cpu/onednn.h"

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
