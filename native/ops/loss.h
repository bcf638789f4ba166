// Softmax over axis 1 of [N, C], and the mean cross-entropy of softmax, or of normalised sigmoids, against
// labels, with top-1 and top-k counts.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

struct Softmax {
  static constexpr const char* name = "softmax";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.rank(X, 2);
    s.expect(Y, s.shape(X));
  }
};

struct SoftmaxBackward {
  static constexpr const char* name = "softmax_backward";
  enum { DX, Y, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"y", Role::in, kT}, {"dy", Role::in, kT}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.rank(Y, 2);
    s.expect(DX, s.shape(Y));
    s.expect(DY, s.shape(Y));
  }
};

/// stats: mean loss over the first `valid` rows; rows whose label is the largest logit; rows whose label is
/// among the `topk` largest (a tie goes to the smaller class); rows with a label out of range, which count
/// for nothing else; rows whose loss is not finite, which count as wrong. dlogits = (softmax - target) /
/// valid · scale, zero from row `valid` on. The target is (1 - s)·onehot + s / C, s being what `smoothing`
/// holds; without it s is 0 (Szegedy et al. 2016).
struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  enum { DLogits, Stats, Logits, Labels, Valid, Factor, Smoothing };
  static constexpr Slot slots[] = {{"dlogits", Role::out, kT, true},   {"stats", Role::out, kF32},
                                   {"logits", Role::in, kT},           {"labels", Role::in, kI32},
                                   {"valid", Role::in, kI32},          {"scale", Role::in, kF32},
                                   {"smoothing", Role::in, kF32, true}};
  int64_t topk = 5;
  template <class V>
  void visit(V& v) {
    v("topk", topk);
  }
  void rule(Specs& s) const {
    if (topk < 1) s.fail("expected topk of 1 or more, got ", topk);
    s.rank(Logits, 2);
    s.expect(DLogits, s.shape(Logits));
    s.expect(Stats, {5});
    s.expect(Labels, {s.shape(Logits)[0]});
    s.expect(Valid, {1});
    s.expect(Factor, {1});
    s.expect(Smoothing, {1});
  }
};

/// The same counts, and the loss of Keras for a last layer of sigmoids and sparse categorical cross-entropy:
/// p = sigmoid(logits), clipped to [1e-7, 1 - 1e-7]; loss = -Σ target log(p / Σp). The gradient of a clipped
/// element is 0. The target is that of cross_entropy.
struct SigmoidCrossEntropy : CrossEntropy {
  static constexpr const char* name = "sigmoid_cross_entropy";
  static constexpr float low = 1e-7f, high = 1.f - 1e-7f;
};

}  // namespace alexnode
