// Batch normalisation over [N, C] or [N, C, H, W], a mean and a variance a channel. Source: Ioffe and Szegedy
// 2015. Training uses the batch's own (biased) variance; the running variance is the unbiased one, as in
// PyTorch.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

namespace batch_norm {
inline void rule(Specs& s, int x, int like, std::initializer_list<int> per_channel) {
  const Shape X = s.shape(x);
  if (X.size() != 4 && X.size() != 2)
    s.fail(s.slots[x].name, ": expected [N, C, H, W] or [N, C], got ", to_text(X));
  s.expect(like, X);
  for (int i : per_channel) s.expect(i, {X[1]});
}
}  // namespace batch_norm

struct BatchNorm {
  static constexpr const char* name = "batch_norm";
  enum { Y, Mean, Var, X, Gamma, Beta };
  static constexpr Slot slots[] = {{"y", Role::out, kT},      {"mean", Role::out, kF32},
                                   {"var", Role::out, kF32},  {"x", Role::in, kT},
                                   {"scale", Role::in, kF32}, {"shift", Role::in, kF32}};
  float epsilon = 1e-5f;
  bool relu = false;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon), v("relu", relu);
  }
  void rule(Specs& s) const { batch_norm::rule(s, X, Y, {Mean, Var, Gamma, Beta}); }
};

struct BatchNormBackward {
  static constexpr const char* name = "batch_norm_backward";
  enum { DX, DGamma, DBeta, X, DY, Gamma, Mean, Var };
  static constexpr Slot slots[] = {{"dx", Role::out, kT},       {"dscale", Role::out, kF32},
                                   {"dshift", Role::out, kF32}, {"x", Role::in, kT},
                                   {"dy", Role::in, kT},        {"scale", Role::in, kF32},
                                   {"mean", Role::in, kF32},    {"var", Role::in, kF32}};
  float epsilon = 1e-5f;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon);
  }
  void rule(Specs& s) const {
    batch_norm::rule(s, X, DX, {DGamma, DBeta, Gamma, Mean, Var});
    s.expect(DY, s.shape(X));
  }
};

struct BatchNormInference {
  static constexpr const char* name = "batch_norm_inference";
  enum { Y, X, Gamma, Beta, Mean, Var };
  static constexpr Slot slots[] = {{"y", Role::out, kT},
                                   {"x", Role::in, kT},
                                   {"scale", Role::in, kF32},
                                   {"shift", Role::in, kF32},
                                   {"running_mean", Role::in, kF32},
                                   {"running_var", Role::in, kF32}};
  float epsilon = 1e-5f;
  bool relu = false;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon), v("relu", relu);
  }
  void rule(Specs& s) const { batch_norm::rule(s, X, Y, {Gamma, Beta, Mean, Var}); }
};

/// running ← (1 - momentum) · running + momentum · batch; skipped when ok is there and 0. `count` is N·H·W.
struct BatchNormUpdate {
  static constexpr const char* name = "batch_norm_update";
  enum { RunningMean, RunningVar, Mean, Var, Ok };
  static constexpr Slot slots[] = {{"running_mean", Role::inout, kF32},
                                   {"running_var", Role::inout, kF32},
                                   {"mean", Role::in, kF32},
                                   {"var", Role::in, kF32},
                                   {"ok", Role::in, kI32, true}};
  float momentum = .1f;
  int64_t count = 0;
  template <class V>
  void visit(V& v) {
    v("momentum", momentum), v("count", count);
  }
  void rule(Specs& s) const {
    s.rank(RunningMean, 1);
    if (count < 1) s.fail("expected a count (N·H·W) of 1 or more, got ", count);
    for (int i : {RunningVar, Mean, Var}) s.expect(i, s.shape(RunningMean));
    s.expect(Ok, {1});
  }
};

}  // namespace alexnode
