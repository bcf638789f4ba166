// Convolution by oneDNN, or by Winograd if that is expected to be faster. oneDNN chooses layouts left "any".
// If it has only reference code for the caller's layouts, which is hundreds of times slower, it works in
// layouts of its choice, between reorders.
#include <algorithm>
#include <utility>

#include "cpu/kernels.h"
#include "cpu/onednn.h"
#include "cpu/relayout.h"
#include "cpu/relu.h"
#include "cpu/winograd/op.h"
#include "cpu/winograd/strided.h"

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

Md any(const Spec& s, DType dtype) {
  Spec copy = s;
  copy.layout = "any", copy.dtype = dtype;
  return descriptor(copy);
}

dnnl::convolution_forward::primitive_desc describe(const Conv2d& f, const Specs& specs) {
  using Op = Conv2d;
  const auto b = specs.has(Op::B) ? descriptor(specs[Op::B]) : Md();
  return forward(descriptor(specs[Op::X]), descriptor(specs[Op::W]), b, descriptor(specs[Op::Y]), Geometry(f),
                 dnnl::prop_kind::forward_training, attributes());
}

dnnl::convolution_backward_data::primitive_desc describe(const Conv2dBackwardData& f, const Specs& specs) {
  using Op = Conv2dBackwardData;
  const Geometry g(f);
  const auto dx = descriptor(specs[Op::DX]), w = descriptor(specs[Op::W]), dy = descriptor(specs[Op::DY]);
  const auto dtype = specs[Op::DX].dtype;
  const auto hint = forward(any(specs[Op::DX], dtype), any(specs[Op::W], dtype), Md(),
                            any(specs[Op::DY], dtype), g, dnnl::prop_kind::forward_training, attributes());
#if DNNL_VERSION_MAJOR >= 3
  return {
      engine(),    algorithm::convolution_direct, dx, w, dy, g.stride, g.dilation, g.before, g.after, hint,
      attributes()};
#else
  return {{algorithm::convolution_direct, dx, w, dy, g.stride, g.dilation, g.before, g.after},
          attributes(),
          engine(),
          hint};
#endif
}

dnnl::convolution_backward_weights::primitive_desc describe(const Conv2dBackwardWeights& f,
                                                            const Specs& specs) {
  using Op = Conv2dBackwardWeights;
  const Geometry g(f);
  const bool bias = specs.has(Op::DB);
  const auto x = descriptor(specs[Op::X]), dw = descriptor(specs[Op::DW]), dy = descriptor(specs[Op::DY]);
  const auto db = bias ? descriptor(specs[Op::DB]) : Md();
  const auto dtype = specs[Op::X].dtype;
  const auto hint = forward(any(specs[Op::X], dtype), any(specs[Op::DW], dtype), db,
                            any(specs[Op::DY], dtype), g, dnnl::prop_kind::forward_training, attributes());
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), algorithm::convolution_direct,
          x,        dw,
          db,       dy,
          g.stride, g.dilation,
          g.before, g.after,
          hint,     attributes()};
#else
  using Desc = dnnl::convolution_backward_weights::desc;
  const auto desc =
      bias ? Desc(algorithm::convolution_direct, x, dw, db, dy, g.stride, g.dilation, g.before, g.after)
           : Desc(algorithm::convolution_direct, x, dw, dy, g.stride, g.dilation, g.before, g.after);
  return {desc, attributes(), engine(), hint};
#endif
}

void settle_images(Specs& specs, const dnnl::convolution_forward::primitive_desc& pd) {
  settle(specs, Conv2d::X, pd.src_desc());
  settle(specs, Conv2d::Y, pd.dst_desc());
}
void settle_images(Specs& specs, const dnnl::convolution_backward_data::primitive_desc& pd) {
  settle(specs, Conv2dBackwardData::DX, pd.diff_src_desc());
  settle(specs, Conv2dBackwardData::DY, pd.diff_dst_desc());
}
void settle_images(Specs& specs, const dnnl::convolution_backward_weights::primitive_desc& pd) {
  settle(specs, Conv2dBackwardWeights::X, pd.src_desc());
  settle(specs, Conv2dBackwardWeights::DY, pd.diff_dst_desc());
}

/// Winograd takes images in the layouts that oneDNN prefers. Asked with row-major weights, the only ones that
/// Winograd takes, oneDNN would choose slow layouts.
template <class Op>
KernelPtr by_winograd(const Op& f, Specs specs, int weights) {
  if (!may_winograd(f)) return nullptr;
  const auto given = std::exchange(specs[weights].layout, "any");
  settle_images(specs, describe(f, specs));
  specs[weights].layout = given;
  return make_winograd(f, specs);
}

/// The op in layouts of oneDNN's choice if it has only reference code for the given ones; else null.
template <class Op>
KernelPtr instead_of_reference(const Op& f, const Specs& given, const std::string& implementation) {
  if (!is_reference(implementation)) return nullptr;
  Specs open = given;
  for (auto& s : open)
    if (s.shape.size() > 1) s.layout = "any";
  const auto fixed = [](const Spec& a, const Spec& b) { return a.layout == b.layout; };
  if (std::equal(open.begin(), open.end(), given.begin(), fixed)) return nullptr;
  return relayout(given, make(f, std::move(open)));
}

/// Where the image is narrower than the stride, oneDNN (2.6, jit_bf16) leaves part of dw unwritten. Such
/// images are small, so copies of them in f32 cost little; null for all others.
KernelPtr instead_of_narrow(const Conv2dBackwardWeights& f, const Specs& specs) {
  using Op = Conv2dBackwardWeights;
  const auto& x = specs[Op::X];
  if (x.dtype == DType::f32 || x.shape[3] >= f.stride[1]) return nullptr;
  Specs wide = specs;
  for (int slot : {Op::X, Op::DY}) wide[slot].dtype = DType::f32;
  return relayout(specs, make(f, std::move(wide)));
}

}  // namespace

KernelPtr make(const Conv2d& f, Specs specs) {
  using Op = Conv2d;
  specs[Op::B].layout = "a";
  if (auto kernel = make_strided(f, specs)) return kernel;
  if (auto kernel = by_winograd(f, specs, Op::W)) return kernel;
  const auto pd = describe(f, specs);
  if (auto kernel = instead_of_reference(f, specs, pd.impl_info_str())) return kernel;
  settle(specs, Op::X, pd.src_desc());
  settle(specs, Op::W, pd.weights_desc());
  settle(specs, Op::Y, pd.dst_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
                                   {DNNL_ARG_DST, Op::Y, pd.dst_desc()}};
  if (specs.has(Op::B)) args.push_back({DNNL_ARG_BIAS, Op::B, pd.bias_desc()});
  Primitive p(dnnl::convolution_forward(pd), args, pd.scratchpad_desc());
  if (f.relu) return make_relu_kernel(std::move(specs), pd.impl_info_str(), std::move(p), Op::Y);
  return make_kernel(std::move(specs), pd.impl_info_str(), std::move(p));
}

KernelPtr make(const Conv2dBackwardData& f, Specs specs) {
  using Op = Conv2dBackwardData;
  if (auto kernel = by_winograd(f, specs, Op::W)) return kernel;
  const auto pd = describe(f, specs);
  if (auto kernel = instead_of_reference(f, specs, pd.impl_info_str())) return kernel;
  settle(specs, Op::DX, pd.diff_src_desc());
  settle(specs, Op::W, pd.weights_desc());
  settle(specs, Op::DY, pd.diff_dst_desc());
  Primitive p(dnnl::convolution_backward_data(pd),
              {{DNNL_ARG_DIFF_SRC, Op::DX, pd.diff_src_desc()},
               {DNNL_ARG_WEIGHTS, Op::W, pd.weights_desc()},
               {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()}},
              pd.scratchpad_desc());
  return make_kernel(std::move(specs), pd.impl_info_str(), std::move(p));
}

KernelPtr make(const Conv2dBackwardWeights& f, Specs specs) {
  using Op = Conv2dBackwardWeights;
  const bool bias = specs.has(Op::DB);
  specs[Op::DB].layout = "a";
  if (auto kernel = make_strided(f, specs)) return kernel;
  if (auto kernel = by_winograd(f, specs, Op::DW)) return kernel;
  if (auto kernel = instead_of_narrow(f, specs)) return kernel;
  const auto pd = describe(f, specs);
  if (auto kernel = instead_of_reference(f, specs, pd.impl_info_str())) return kernel;
  settle(specs, Op::DW, pd.diff_weights_desc());
  settle(specs, Op::X, pd.src_desc());
  settle(specs, Op::DY, pd.diff_dst_desc());
  std::vector<Primitive::Arg> args{{DNNL_ARG_SRC, Op::X, pd.src_desc()},
                                   {DNNL_ARG_DIFF_DST, Op::DY, pd.diff_dst_desc()},
                                   {DNNL_ARG_DIFF_WEIGHTS, Op::DW, pd.diff_weights_desc()}};
  if (bias) args.push_back({DNNL_ARG_DIFF_BIAS, Op::DB, pd.diff_bias_desc()});
  Primitive p(dnnl::convolution_backward_weights(pd), args, pd.scratchpad_desc());
  return make_kernel(std::move(specs), pd.impl_info_str(), std::move(p));
}

}  // namespace alexnode::cpu
