// Parameter updates of f32 master weights. What may change between steps is read from device memory. `ok` of
// 0 skips the update, so that a gradient that is not finite changes no weight. w16 gets the new weights in
// bf16 or f16, in the same layout. `clip` is one more factor on the gradient: the result of clip_factor.
#pragma once
#include "op.h"

namespace alexnode {

/// hyper: f32[4] = rate, momentum, weight decay, factor on the gradient.
/// v ← m·v + (f·g + λ·w), w ← w - ε·v (PyTorch); rate_in_velocity: v ← m·v - ε·λ·w - ε·f·g, w ← w + v
/// (Krizhevsky 2012).
struct Sgd {
  static constexpr const char* name = "sgd";
  enum { W, V, W16, G, Hyper, Ok, Clip };
  static constexpr Slot slots[] = {{"w", Role::inout, kF32},        {"v", Role::inout, kF32},
                                   {"w16", Role::out, kHalf, true}, {"g", Role::in, kF32},
                                   {"hyper", Role::in, kF32},       {"ok", Role::in, kI32, true},
                                   {"clip", Role::in, kF32, true}};
  bool rate_in_velocity = false, nesterov = false;
  template <class Visitor>
  void visit(Visitor& v) {
    v("rate_in_velocity", rate_in_velocity), v("nesterov", nesterov);
  }
  void rule(Specs& s) const {
    if (rate_in_velocity && nesterov)
      s.fail("nesterov goes with PyTorch's form alone: leave rate_in_velocity out");
    for (int i : {V, W16, G}) s.expect(i, s.shape(W));
    s.expect(Hyper, {4});
    s.expect(Ok, {1});
    s.expect(Clip, {1});
  }
};

/// hyper: f32[8] = rate, β1, β2, ε, weight decay (added to the gradient), factor on the gradient, step from
/// 1, 0.
struct Adam {
  static constexpr const char* name = "adam";
  enum { W, M, V, W16, G, Hyper, Ok, Clip };
  static constexpr Slot slots[] = {{"w", Role::inout, kF32},     {"m", Role::inout, kF32},
                                   {"v", Role::inout, kF32},     {"w16", Role::out, kHalf, true},
                                   {"g", Role::in, kF32},        {"hyper", Role::in, kF32},
                                   {"ok", Role::in, kI32, true}, {"clip", Role::in, kF32, true}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const {
    for (int i : {M, V, W16, G}) s.expect(i, s.shape(W));
    s.expect(Hyper, {8});
    s.expect(Ok, {1});
    s.expect(Clip, {1});
  }
};

/// y ← d·y + (1 - d)·w, d being what `decay` holds: a moving average of the weights.
struct Average {
  static constexpr const char* name = "average";
  enum { Y, W, Decay, Ok };
  static constexpr Slot slots[] = {{"y", Role::inout, kF32},
                                   {"w", Role::in, kF32},
                                   {"decay", Role::in, kF32},
                                   {"ok", Role::in, kI32, true}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const {
    s.expect(W, s.shape(Y));
    s.expect(Decay, {1});
    s.expect(Ok, {1});
  }
};

/// norm = √(with² + Σ x²), added up in f64 in an order that depends on how many elements there are alone.
struct Norm {
  static constexpr const char* name = "norm";
  enum { Result, X, With };
  static constexpr Slot slots[] = {
      {"norm", Role::out, kF32}, {"x", Role::in, kF32}, {"with", Role::in, kF32, true}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const {
    s.expect(Result, {1});
    s.expect(With, {1});
  }
};

/// Limits a gradient's norm. hyper: f32[2] = the largest norm, factor on
/// the gradient before. clip = min(1, largest / (factor·norm + 1e-6)), as PyTorch's clip_grad_norm_ has it.
struct ClipFactor {
  static constexpr const char* name = "clip_factor";
  enum { Clip, Norm, Hyper };
  static constexpr Slot slots[] = {
      {"clip", Role::out, kF32}, {"norm", Role::in, kF32}, {"hyper", Role::in, kF32}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const {
    s.expect(Clip, {1});
    s.expect(Norm, {1});
    s.expect(Hyper, {2});
  }
};

/// ok ← 0 where an element of x is not finite.
struct Finite {
  static constexpr const char* name = "finite";
  enum { Ok, X };
  static constexpr Slot slots[] = {{"ok", Role::inout, kI32}, {"x", Role::in, kFloat}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const { s.expect(Ok, {1}); }
};

/// ok ← 0 where x, another device's flag, is 0.
struct Agree {
  static constexpr const char* name = "agree";
  enum { Ok, X };
  static constexpr Slot slots[] = {{"ok", Role::inout, kI32}, {"x", Role::in, kI32}};
  template <class Visitor>
  void visit(Visitor&) {}
  void rule(Specs& s) const {
    s.expect(Ok, {1});
    s.expect(X, {1});
  }
};

}  // namespace alexnode
