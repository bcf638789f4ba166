// The matrix product by cublasLt. A row-major matrix is, column by column, its own transpose, so row-major
// c = a · b is computed as cᵀ = bᵀ · aᵀ.
#include "cuda/product.h"

namespace alexnode::cuda {

KernelPtr make(const Gemm& f, Specs specs, const Target& target) {
  using Op = Gemm;
  for (auto& s : specs)
    if (s.layout == "any") s.layout = "ab";
  for (size_t i = 0; i < specs.size(); i++)
    if (specs[i].layout != "ab" && specs[i].layout != "ba")
      specs.fail(specs.slots[i].name, ": expected the layout ab or ba, got ", specs[i].layout,
                 "; reorder first");
  const auto &c = specs[Op::C], &a = specs[Op::A], &b = specs[Op::B];
  const bool rows = c.layout == "ab";
  // Whether cublasLt, reading column by column, sees op's matrix, or its transpose.
  const auto turned = [](const Spec& s, bool transpose) { return (s.layout == "ab") != transpose; };
  const auto ld = [](const Spec& s) { return s.layout == "ab" ? s.shape[1] : s.shape[0]; };
  const auto& left = rows ? b : a;
  const auto& right = rows ? a : b;
  const ProductShape shape{.m = c.shape[rows],
                           .n = c.shape[!rows],
                           .k = a.shape[!f.transpose_a],
                           .transpose_a = turned(left, rows ? f.transpose_b : f.transpose_a) != rows,
                           .transpose_b = turned(right, rows ? f.transpose_a : f.transpose_b) != rows,
                           .a_ld = ld(left),
                           .b_ld = ld(right),
                           .d_ld = ld(c),
                           .inputs = c.dtype,
                           .output = c.dtype,
                           .alpha = f.alpha,
                           .beta = f.beta};
  Scratch scratch;
  const auto product = make_product(shape, Beside::nothing, target, scratch);
  const int first = rows ? Op::B : Op::A, second = rows ? Op::A : Op::B;
  return make_vendor_launch(
      std::move(specs), "cublaslt",
      [=](const Args& args, const Launch& launch) {
        product->run(launch, args.slot[Op::C], args.slot[first], args.slot[second], nullptr, nullptr, args);
      },
      scratch.bytes());
}

}  // namespace alexnode::cuda
