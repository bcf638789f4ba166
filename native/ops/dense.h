// The fully connected layer, y [N, O] = x [N, I] · wᵀ + b with w [O, I], and the plain matrix product.
#pragma once
#include "op.h"

namespace alexnode {

namespace dense {
inline void rule(Specs& s, int x, int y, int w, int b) {
  for (int i : {x, y, w}) s.rank(i, 2);
  const Shape W = s.shape(w), X = s.shape(x);
  if (W.empty() || X.empty()) s.fail("needs the shapes of x and w");
  if (W[1] != X[1]) s.fail("w ", to_text(W), " takes ", W[1], " inputs, and x ", to_text(X), " has ", X[1]);
  s.expect(y, {X[0], W[0]});
  if (b >= 0) s.expect(b, {W[0]});
}
/// A ReLU's bits for another pass, u8 [rows, columns / 8]: whether it let an element through, column c in bit
/// c % 8 of byte c / 8. cublasLt's epilogues have them so. For an element that was exactly 0 it may be
/// either.
inline void bits_rule(Specs& s, int mask, int of) {
  if (!s.has(mask)) return;
  const Shape shape = s.shape(of);
  if (s[mask].layout != "any" && s[mask].layout != "ab")
    s.fail(s.slots[mask].name, ": expected the layout ab, got ", s[mask].layout);
  if (shape[1] % 128 != 0)
    s.fail(s.slots[mask].name, " needs columns that are a multiple of 128, got ", shape[1]);
  s.expect(mask, {shape[0], shape[1] / 8});
}
}  // namespace dense

struct Dense {
  static constexpr const char* name = "dense";
  enum { Y, MASK, X, W, B };
  static constexpr Slot slots[] = {{"y", Role::out, kT},
                                   {"mask", Role::out, kU8, true},
                                   {"x", Role::in, kT},
                                   {"w", Role::in, kT | kChooses},
                                   {"b", Role::in, kF32, true}};
  bool relu = false;
  template <class V>
  void visit(V& v) {
    v("relu", relu);
  }
  void rule(Specs& s) const {
    dense::rule(s, X, Y, W, B);
    dense::bits_rule(s, MASK, Y);
    if (s.has(MASK)) s.require(relu, "mask is of a ReLU: set relu");
  }
};

/// With `mask`, dx is the gradient of the input of the ReLU whose output is x.
struct DenseBackwardData {
  static constexpr const char* name = "dense_backward_data";
  enum { DX, DY, W, MASK };
  static constexpr Slot slots[] = {{"dx", Role::out, kT},
                                   {"dy", Role::in, kT},
                                   {"w", Role::in, kT | kChooses},
                                   {"mask", Role::in, kU8, true}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    if (s.shape(DX).empty() && s.shape(DY).size() == 2 && s.shape(W).size() == 2)
      s.expect(DX, {s.shape(DY)[0], s.shape(W)[1]});
    dense::rule(s, DX, DY, W, -1);
    dense::bits_rule(s, MASK, DX);
  }
};

struct DenseBackwardWeights {
  static constexpr const char* name = "dense_backward_weights";
  enum { DW, DB, X, DY };
  static constexpr Slot slots[] = {
      {"dw", Role::out, kF32}, {"db", Role::out, kF32, true}, {"x", Role::in, kT}, {"dy", Role::in, kT}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    if (s.shape(DW).empty() && s.shape(DY).size() == 2 && s.shape(X).size() == 2)
      s.expect(DW, {s.shape(DY)[1], s.shape(X)[1]});
    dense::rule(s, X, DY, DW, DB);
  }
};

/// c [M, N] = alpha · op(a) · op(b) + beta · c; with beta 0 the old c is not read.
struct Gemm {
  static constexpr const char* name = "gemm";
  enum { C, A, B };
  static constexpr Slot slots[] = {{"c", Role::out, kT}, {"a", Role::in, kT}, {"b", Role::in, kT}};
  bool transpose_a = false, transpose_b = false;
  float alpha = 1, beta = 0;
  template <class V>
  void visit(V& v) {
    v("transpose_a", transpose_a), v("transpose_b", transpose_b), v("alpha", alpha), v("beta", beta);
  }
  void rule(Specs& s) const {
    s.rank(A, 2), s.rank(B, 2);
    const auto &a = s.shape(A), &b = s.shape(B);
    if (a[!transpose_a] != b[transpose_b])
      s.fail("a ", to_text(a), " and b ", to_text(b), " differ in their inner dim: ", a[!transpose_a],
             " against ", b[transpose_b]);
    s.expect(C, {a[transpose_a], b[!transpose_b]});
  }
};

}  // namespace alexnode
