// The fully connected layer: one product a pass, weights row-major for all three. cublasLt reads matrices
// column by column, so row-major y [N, O] is its [O, N], which w · xᵀ gives. Biases, their gradients, ReLU
// and its derivative are fused into the product if cublasLt offers that (not for 16-bit results with f32
// biases), else separate. The gradient of a bias goes with that of the weights, in f32 whatever x is:
// cublasLt's DRELU_BGRAD would round it to the dtype of dx.
#include <cstdint>
#include <optional>

#include "cuda/bias.h"
#include "cuda/product.h"
#include "cuda/relayout.h"

namespace alexnode::cuda {

namespace {

/// The layer's weights, row-major or transposed, as cublasLt sees them.
struct Weights {
  explicit Weights(const Spec& w) : plain(w.layout == "ab"), outputs(w.shape[0]), inputs(w.shape[1]) {}
  int64_t ld() const { return plain ? inputs : outputs; }
  bool plain;  // [I, O] to cublasLt, else [O, I]
  int64_t outputs, inputs;
};

std::string weights_layout(const Spec& w) { return w.layout == "ba" ? "ba" : "ab"; }

KernelPtr make_in(const Dense& f, Specs specs, const Target& target) {
  using Op = Dense;
  Scratch scratch;
  const Weights w(specs[Op::W]);
  const int64_t batch = specs.shape(Op::X)[0];
  const DType dtype = specs[Op::X].dtype;
  const ProductShape shape{.m = w.outputs,
                           .n = batch,
                           .k = w.inputs,
                           .transpose_a = w.plain,
                           .transpose_b = false,
                           .a_ld = w.ld(),
                           .b_ld = w.inputs,
                           .d_ld = w.outputs,
                           .inputs = dtype,
                           .output = dtype};
  const bool biased = specs.has(Op::B);
  const bool masked = specs.has(Op::MASK);
  const auto wanted = !f.relu  ? (biased ? Beside::bias : Beside::nothing)
                      : masked ? (biased ? Beside::bias_relu_bits : Beside::relu_bits)
                               : (biased ? Beside::bias_relu : Beside::relu);
  auto product = make_product(shape, wanted, target, scratch);
  std::optional<BiasRelus> after;
  if (!product) {
    product = make_product(shape, Beside::nothing, target, scratch);
    after.emplace(target, dtype, batch, w.outputs, f.relu, masked);
  }
  return make_vendor_launch(
      std::move(specs), after ? "cublaslt, then bias and ReLU" : "cublaslt",
      [=](const Args& args, const Launch& launch) {
        auto *y = args.slot[Op::Y], *b = args.slot[Op::B], *mask = args.slot[Op::MASK];
        product->run(launch, y, args.slot[Op::W], args.slot[Op::X], static_cast<float*>(b),
                     static_cast<uint8_t*>(mask), args);
        if (after) after->run(launch, y, static_cast<float*>(b), static_cast<uint8_t*>(mask));
      },
      scratch.bytes());
}

KernelPtr make_in(const DenseBackwardData&, Specs specs, const Target& target) {
  using Op = DenseBackwardData;
  Scratch scratch;
  const Weights w(specs[Op::W]);
  const DType dtype = specs[Op::DX].dtype;
  const ProductShape shape{.m = w.inputs,
                           .n = specs.shape(Op::DX)[0],
                           .k = w.outputs,
                           .transpose_a = !w.plain,
                           .transpose_b = false,
                           .a_ld = w.ld(),
                           .b_ld = w.outputs,
                           .d_ld = w.inputs,
                           .inputs = dtype,
                           .output = dtype};
  auto product = make_product(shape, specs.has(Op::MASK) ? Beside::cut : Beside::nothing, target, scratch);
  std::optional<BitCuts> after;
  if (!product) {
    product = make_product(shape, Beside::nothing, target, scratch);
    after.emplace(target, dtype, shape.m * shape.n);
  }
  return make_vendor_launch(
      std::move(specs), after ? "cublaslt, then ReLU's derivative" : "cublaslt",
      [=](const Args& args, const Launch& launch) {
        auto* mask = args.at<uint8_t>(Op::MASK);
        product->run(launch, args.slot[Op::DX], args.slot[Op::W], args.slot[Op::DY], nullptr, mask, args);
        if (after) after->run(launch, args.slot[Op::DX], mask);
      },
      scratch.bytes());
}

KernelPtr make_in(const DenseBackwardWeights&, Specs specs, const Target& target) {
  using Op = DenseBackwardWeights;
  Scratch scratch;
  const Weights w(specs[Op::DW]);
  const int64_t batch = specs.shape(Op::X)[0];
  const DType dtype = specs[Op::X].dtype;
  // dw = dyᵀ · x: to cublasLt xᵀ · dy, or where dw lies transposed dyᵀ · x.
  const ProductShape shape{.m = w.plain ? w.inputs : w.outputs,
                           .n = w.plain ? w.outputs : w.inputs,
                           .k = batch,
                           .transpose_a = false,
                           .transpose_b = true,
                           .a_ld = w.plain ? w.inputs : w.outputs,
                           .b_ld = w.plain ? w.outputs : w.inputs,
                           .d_ld = w.ld(),
                           .inputs = dtype,
                           .output = DType::f32};
  const bool biased = specs.has(Op::DB), plain = w.plain;
  auto product = make_product(shape, biased ? (plain ? Beside::sums_b : Beside::sums_a) : Beside::nothing,
                              target, scratch);
  std::optional<BiasGradients> sums;
  if (!product) {
    product = make_product(shape, Beside::nothing, target, scratch);
    sums.emplace(target, dtype, batch, w.outputs, scratch);
  }
  return make_vendor_launch(
      std::move(specs), sums ? "cublaslt, and sums" : "cublaslt",
      [=](const Args& args, const Launch& launch) {
        const void *x = args.slot[Op::X], *dy = args.slot[Op::DY];
        product->run(launch, args.slot[Op::DW], plain ? x : dy, plain ? dy : x, args.at<float>(Op::DB),
                     nullptr, args);
        if (sums) sums->run(launch, args.at<float>(Op::DB), dy, args);
      },
      scratch.bytes());
}

template <class Op>
KernelPtr make_dense(const Op& f, Specs specs, const Target& target, int x, int w, int y) {
  const auto weights = weights_layout(specs[w]);
  return in_layouts(std::move(specs), {{x, "ab"}, {w, weights}, {y, "ab"}}, target,
                    [&](Specs inner) { return make_in(f, std::move(inner), target); });
}

}  // namespace

KernelPtr make(const Dense& f, Specs specs, const Target& target) {
  using Op = Dense;
  specs[Op::B].layout = "a", specs[Op::MASK].layout = "ab";
  return make_dense(f, std::move(specs), target, Op::X, Op::W, Op::Y);
}

KernelPtr make(const DenseBackwardData& f, Specs specs, const Target& target) {
  using Op = DenseBackwardData;
  specs[Op::MASK].layout = "ab";
  return make_dense(f, std::move(specs), target, Op::DX, Op::W, Op::DY);
}

KernelPtr make(const DenseBackwardWeights& f, Specs specs, const Target& target) {
  using Op = DenseBackwardWeights;
  specs[Op::DB].layout = "a";
  return make_dense(f, std::move(specs), target, Op::X, Op::DW, Op::DY);
}

}  // namespace alexnode::cuda
