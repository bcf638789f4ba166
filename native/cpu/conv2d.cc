// Convolution by oneDNN. Layouts left "any" are oneDNN's choice; a choice of its reference code is refused,
// loudly, since it is hundreds of times slower.
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace alexnode::cpu {

namespace {

using Dims = dnnl::memory::dims;
using dnnl::algorithm;

struct Geometry {
  explicit Geometry(const ConvFields& f)
      : stride{f.stride[0], f.stride[1]},
        dilation{f.dilation[0] - 1, f.dilation[1] - 1},
        before{f.padding[0], f.padding[2]},
        after{f.padding[1], f.padding[3]} {}
  Dims stride, dilation, before, after;
};

dnnl::convolution_forward::primitive_desc forward(const Md& x, const Md& w, const Md& b, const Md& y,
                                                  const Geometry& g, dnnl::prop_kind kind,
                                                  const dnnl::primitive_attr& attr) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), kind, algorithm::convolution_direct, x, w, b, y, g.stride, g.dilation, g.before,
          g.after,  attr};
#else
  if (b == Md())
    return {{kind, algorithm::convolution_direct, x, w, y, g.stride, g.dilation, g.before, g.after},
            attr,
            engine()};
  return {{kind, algorithm::convolution_direct, x, w, b, y, g.stride, g.dilation, g.before, g.after},
          attr,
          engine()};
#endif
}

/// Writes the primitive's choice of layouts into the specs.
void settle(Specs& specs, int slot, const Md& chosen) {
  auto& s = specs[slot];
  if (s.layout == "any") s.layout = tag_of(chosen, s.shape);
}

Md any(const Spec& s, DType dtype) {
  Spec copy = s;
  copy.layout = "any", copy.dtype = dtype;
  return descriptor(copy);
}

}  // namespace

KernelPtr make(const Conv2d& f, Specs specs) {
  using Op = Conv2d;
  const Geometry g(f);
  specs[Op::B].layout = "a";
  const auto b = specs.has(Op::B) ? descriptor(specs[Op::B]) : Md();
  const auto pd = forward(descriptor(specs[Op::X]), descriptor(specs[Op::W]), b, descriptor(specs[Op::Y]), g,
                          dnnl::prop_kind::forward_training, attributes(f.relu));
  settle(specs, Op::X, pd.src_desc());
  settle(specs, Op::W, pd.weights_desc());
  settle(specs, Op::Y, pd.dst_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
                                   {DNNL_ARG_DST, Op::Y, pd.dst_desc()}};
  if (specs.has(Op::B)) args.push_back({DNNL_ARG_BIAS, Op::B, pd.bias_desc()});
  Primitive p(dnnl::convolution_forward(pd), args, pd.scratchpad_desc());
  const size_t scratch = p.scratch_bytes();
  return make_kernel(
      std::move(specs), pd.impl_info_str(), [p = std::move(p)](const Args& a) { p.run(a); }, scratch);
}

KernelPtr make(const Conv2dBackwardData& f, Specs specs) {
  using Op = Conv2dBackwardData;
  const Geometry g(f);
  const auto dx = descriptor(specs[Op::DX]), w = descriptor(specs[Op::W]), dy = descriptor(specs[Op::DY]);
  const auto dtype = specs[Op::DX].dtype;
  const auto hint = forward(any(specs[Op::DX], dtype), any(specs[Op::W], dtype), Md(),
                            any(specs[Op::DY], dtype), g, dnnl::prop_kind::forward_training, attributes());
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_backward_data::primitive_desc pd(engine(), algorithm::convolution_direct, dx, w, dy,
                                                           g.stride, g.dilation, g.before, g.after, hint,
                                                           attributes());
#else
  const dnnl::convolution_backward_data::primitive_desc pd(
      {algorithm::convolution_direct, dx, w, dy, g.stride, g.dilation, g.before, g.after}, attributes(),
      engine(), hint);
#endif
  settle(specs, Op::DX, pd.diff_src_desc());
  settle(specs, Op::W, pd.weights_desc());
  settle(specs, Op::DY, pd.diff_dst_desc());
  Primitive p(dnnl::convolution_backward_data(pd),
              {{DNNL_ARG_DIFF_SRC, Op::DX, pd.diff_src_desc()},
               {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
               {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()}},
              pd.scratchpad_desc());
  const size_t scratch = p.scratch_bytes();
  return make_kernel(
      std::move(specs), pd.impl_info_str(), [p = std::move(p)](const Args& a) { p.run(a); }, scratch);
}

KernelPtr make(const Conv2dBackwardWeights& f, Specs specs) {
  using Op = Conv2dBackwardWeights;
  const Geometry g(f);
  const bool bias = specs.has(Op::DB);
  specs[Op::DB].layout = "a";
  const auto x = descriptor(specs[Op::X]), dw = descriptor(specs[Op::DW]), dy = descriptor(specs[Op::DY]);
  const auto db = bias ? descriptor(specs[Op::DB]) : Md();
  const auto dtype = specs[Op::X].dtype;
  const auto hint = forward(any(specs[Op::X], dtype), any(specs[Op::DW], dtype), db,
                            any(specs[Op::DY], dtype), g, dnnl::prop_kind::forward_training, attributes());
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::convolution_backward_weights::primitive_desc pd(engine(), algorithm::convolution_direct, x, dw,
                                                              db, dy, g.stride, g.dilation, g.before, g.after,
                                                              hint, attributes());
#else
  using Desc = dnnl::convolution_backward_weights::desc;
  const auto desc =
      bias ? Desc(algorithm::convolution_direct, x, dw, db, dy, g.stride, g.dilation, g.before, g.after)
           : Desc(algorithm::convolution_direct, x, dw, dy, g.stride, g.dilation, g.before, g.after);
  const dnnl::convolution_backward_weights::primitive_desc pd(desc, attributes(), engine(), hint);
#endif
  settle(specs, Op::DW, pd.diff_weights_desc());
  settle(specs, Op::X, pd.src_desc());
  settle(specs, Op::DY, pd.diff_dst_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()},
                                   {DNNL_ARG_DIFF_WEIGHTS, Op::DW, pd.diff_weights_desc()}};
  if (bias) args.push_back({DNNL_ARG_DIFF_BIAS, Op::DB, pd.diff_bias_desc()});
  Primitive p(dnnl::convolution_backward_weights(pd), args, pd.scratchpad_desc());
  const size_t scratch = p.scratch_bytes();
  return make_kernel(
      std::move(specs), pd.impl_info_str(), [p = std::move(p)](const Args& a) { p.run(a); }, scratch);
}

}  // namespace alexnode::cpu
