// The fully connected layer by oneDNN's inner product. In f32 one layout of the weights, row-major, serves
// all three passes: left to choose, oneDNN takes w transposed in one pass and not in the next, and the copies
// between them cost more than they save. In bf16 each pass has the layout that oneDNN wants.
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace alexnode::cpu {

namespace {

using dnnl::prop_kind;

/// Row-major activations, and for f32 row-major weights, where they were left open.
void choose(Specs& specs, std::initializer_list<int> activations, int w) {
  for (int i : activations)
    if (specs[i].layout == "any") specs[i].layout = "ab";
  if (specs[w].layout == "any" && specs[activations.begin()[0]].dtype == DType::f32) specs[w].layout = "ab";
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
  choose(specs, {Op::X, Op::Y}, Op::W);
  specs[Op::B].layout = "a";
  const auto b = specs.has(Op::B) ? descriptor(specs[Op::B]) : Md();
  const auto pd = forward(descriptor(specs[Op::X]), descriptor(specs[Op::W]), b, descriptor(specs[Op::Y]),
                          attributes(f.relu));
  settle(specs, Op::W, pd.weights_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
                                   {DNNL_ARG_DST, Op::Y, pd.dst_desc()}};
  if (specs.has(Op::B)) args.push_back({DNNL_ARG_BIAS, Op::B, pd.bias_desc()});
  return make_kernel(std::move(specs), pd.impl_info_str(),
                     Primitive(dnnl::inner_product_forward(pd), args, pd.scratchpad_desc()));
}

KernelPtr make(const DenseBackwardData&, Specs specs) {
  using Op = DenseBackwardData;
  choose(specs, {Op::DX, Op::DY}, Op::W);
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

KernelPtr make(const DenseBackwardWeights&, Specs specs) {
  using Op = DenseBackwardWeights;
  choose(specs, {Op::X, Op::DY}, Op::DW);
  specs[Op::DB].layout = "a";
  const bool bias = specs.has(Op::DB);
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
