// Several views of the same images, combined to one prediction.
#pragma once
#include "op.h"

namespace alexnode {

/// y = log of the mean, over views v, of softmax(x[v]), row by row: [N, C] of [V, N, C]. softmax(y) is the
/// mean itself, so y can be used like logits.
struct LogMeanSoftmax {
  static constexpr const char* name = "log_mean_softmax";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kF32}, {"x", Role::in, kFloat}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.rank(X, 3);
    const auto& x = s.shape(X);
    s.expect(Y, {x[1], x[2]});
  }
};

}  // namespace alexnode
