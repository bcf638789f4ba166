// Elementwise ops: activations and their backward (from y, not x), sum, scale. Outputs
// may lie where an input lies. Layouts are free, but all tensors of a call share one.
#pragma once
#include "op.h"

namespace alexnode {

template <const char* const& Name>
struct Activation {
  static constexpr const char* name = Name;
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const { s.expect(Y, s.shape(X)); }
};

template <const char* const& Name>
struct ActivationBackward {
  static constexpr const char* name = Name;
  enum { DX, Y, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"y", Role::in, kT}, {"dy", Role::in, kT}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.expect(DX, s.shape(Y));
    s.expect(DY, s.shape(Y));
  }
};

namespace names {
inline constexpr const char *relu = "relu", *relu_backward = "relu_backward", *tanh = "tanh",
                            *tanh_backward = "tanh_backward", *sigmoid = "sigmoid",
                            *sigmoid_backward = "sigmoid_backward";
}
using Relu = Activation<names::relu>;
using ReluBackward = ActivationBackward<names::relu_backward>;
using Tanh = Activation<names::tanh>;
using TanhBackward = ActivationBackward<names::tanh_backward>;
using Sigmoid = Activation<names::sigmoid>;
using SigmoidBackward = ActivationBackward<names::sigmoid_backward>;

/// y = x where x >= 0, slope · x elsewhere. Source: Maas, Hannun and Ng 2013. The slope is not negative, so
/// that y tells the sign of x and backward does without x.
struct LeakyReluFields {
  float slope = .01f;
  template <class V>
  void visit(V& v) {
    v("slope", slope);
  }
  void rule(const Specs& s) const {
    if (!(slope >= 0)) s.fail("expected a slope of 0 or more, got ", slope);
  }
};

struct LeakyRelu : LeakyReluFields {
  static constexpr const char* name = "leaky_relu";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  void rule(Specs& s) const {
    LeakyReluFields::rule(s);
    s.expect(Y, s.shape(X));
  }
};

/// dx = dy where y > 0, slope · dy elsewhere.
struct LeakyReluBackward : LeakyReluFields {
  static constexpr const char* name = "leaky_relu_backward";
  enum { DX, Y, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"y", Role::in, kT}, {"dy", Role::in, kT}};
  void rule(Specs& s) const {
    LeakyReluFields::rule(s);
    s.expect(DX, s.shape(Y));
    s.expect(DY, s.shape(Y));
  }
};

/// y = a + b, or max(0, a + b).
struct Add {
  static constexpr const char* name = "add";
  enum { Y, A, B };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"a", Role::in, kT}, {"b", Role::in, kT}};
  bool relu = false;
  template <class V>
  void visit(V& v) {
    v("relu", relu);
  }
  void rule(Specs& s) const {
    s.expect(Y, s.shape(A));
    s.expect(B, s.shape(A));
  }
};

/// y = factor · x.
struct Scale {
  static constexpr const char* name = "scale";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  float factor = 1;
  template <class V>
  void visit(V& v) {
    v("factor", factor);
  }
  void rule(Specs& s) const { s.expect(Y, s.shape(X)); }
};

}  // namespace alexnode
