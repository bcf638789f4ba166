// Batch normalisation over [N, C] or [N, C, H, W], a mean and a variance a channel. Source: Ioffe and Szegedy
// 2015. Training uses the batch's own (biased) variance; the running variance is the unbiased one, as in
// PyTorch. Where processes share a batch, it is done in pieces, between which they exchange sums: moments and
// combine, then inference forward; backward_sums, then backward_shared.
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

/// What a share of a batch gives to the statistics of the whole: its count N·H·W, means, and sums of squares
/// around these, in row `slot` of moments [slots, 1 + C + C]. The other rows are 0, so that a sum over all
/// shares gives each its row.
struct BatchNormMoments {
  static constexpr const char* name = "batch_norm_moments";
  enum { Moments, X };
  static constexpr Slot slots[] = {{"moments", Role::out, kF32}, {"x", Role::in, kFloat}};
  int64_t slot = 0;
  template <class V>
  void visit(V& v) {
    v("slot", slot);
  }
  void rule(Specs& s) const {
    batch_norm::rule(s, X, X, {});
    s.require(!s.shape(Moments).empty(), "moments: give its shape");
    s.rank(Moments, 2);
    const int64_t rows = s.shape(Moments)[0];
    s.expect(Moments, {rows, 1 + 2 * s.shape(X)[1]});
    if (slot < 0 || slot >= rows) s.fail("expected a slot from 0 to ", rows - 1, ", got ", slot);
  }
};

/// Mean and (biased) variance of all rows of moments together; 0 where none counts. Source: Chan, Golub and
/// LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
struct BatchNormCombine {
  static constexpr const char* name = "batch_norm_combine";
  enum { Mean, Var, Moments };
  static constexpr Slot slots[] = {
      {"mean", Role::out, kF32}, {"var", Role::out, kF32}, {"moments", Role::in, kF32}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.require(!s.shape(Moments).empty(), "moments: give its shape");
    s.rank(Moments, 2);
    const int64_t row = s.shape(Moments)[1];
    if (row < 3 || row % 2 == 0) s.fail("moments: expected rows of 1 + C + C, got ", row);
    for (int i : {Mean, Var}) s.expect(i, {row / 2});
  }
};

/// The gradients of scale and shift by a share of the batch; once more as sums [2, C], for a sum over all
/// shares.
struct BatchNormBackwardSums {
  static constexpr const char* name = "batch_norm_backward_sums";
  enum { DGamma, DBeta, Sums, X, DY, Mean, Var };
  static constexpr Slot slots[] = {{"dscale", Role::out, kF32}, {"dshift", Role::out, kF32},
                                   {"sums", Role::out, kF32},   {"x", Role::in, kT},
                                   {"dy", Role::in, kT},        {"mean", Role::in, kF32},
                                   {"var", Role::in, kF32}};
  float epsilon = 1e-5f;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon);
  }
  void rule(Specs& s) const {
    batch_norm::rule(s, X, DY, {DGamma, DBeta, Mean, Var});
    s.expect(Sums, {2, s.shape(X)[1]});
  }
};

/// dx, of the sums over all shares; `count` is N·H·W of the whole batch.
struct BatchNormBackwardShared {
  static constexpr const char* name = "batch_norm_backward_shared";
  enum { DX, X, DY, Gamma, Mean, Var, Sums };
  static constexpr Slot slots[] = {
      {"dx", Role::out, kT},    {"x", Role::in, kT},     {"dy", Role::in, kT},    {"scale", Role::in, kF32},
      {"mean", Role::in, kF32}, {"var", Role::in, kF32}, {"sums", Role::in, kF32}};
  float epsilon = 1e-5f;
  int64_t count = 0;
  template <class V>
  void visit(V& v) {
    v("epsilon", epsilon), v("count", count);
  }
  void rule(Specs& s) const {
    batch_norm::rule(s, X, DX, {Gamma, Mean, Var});
    s.expect(DY, s.shape(X));
    s.expect(Sums, {2, s.shape(X)[1]});
    if (count < 1) s.fail("expected a count (N·H·W) of 1 or more, got ", count);
  }
};

}  // namespace alexnode
