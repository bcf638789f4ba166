// Local response normalisation, y = x · scale^-beta. alpha MULTIPLIES THE SUM of squares (oneDNN, Caffe,
// cuDNN and PyTorch divide alpha by the window's size first: pass them size·alpha). lrn: scale_c = k + alpha
// · Σ x², over the channels c - ⌊size/2⌋ … c - ⌊size/2⌋ + size - 1 that are in c's group. lrn_within: the
// same sum over a size×size window of c's own map. Source: Krizhevsky 2012, section 3.3.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

struct LrnFields {
  int64_t size = 5;
  float alpha = 1e-4f, beta = .75f, k = 2;
  template <class V>
  void visit(V& v) {
    v("size", size), v("alpha", alpha), v("beta", beta), v("k", k);
  }
  void rule(Specs& s, int x, int y, int dy) const {
    if (size < 1 || size > 4096) s.fail("expected a size from 1 to 4096, got ", size);
    s.rank(x, 4);
    s.expect(y, s.shape(x));
    if (dy >= 0) s.expect(dy, s.shape(x));
  }
};

struct LrnGroupedFields : LrnFields {
  int64_t groups = 1;  // no window crosses from one group of channels to the next
  template <class V>
  void visit(V& v) {
    LrnFields::visit(v), v("groups", groups);
  }
  void rule(Specs& s, int x, int y, int dy) const {
    LrnFields::rule(s, x, y, dy);
    if (groups < 1 || s.shape(x)[1] % groups)
      s.fail("expected groups that divide ", s.shape(x)[1], " channels, got ", groups);
  }
};

struct Lrn : LrnGroupedFields {
  static constexpr const char* name = "lrn";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  void rule(Specs& s) const { LrnGroupedFields::rule(s, X, Y, -1); }
};

/// With `relu` the result is also zeroed where x <= 0: the backward of a ReLU that x came out of.
struct LrnBackward : LrnGroupedFields {
  static constexpr const char* name = "lrn_backward";
  enum { DX, X, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"x", Role::in, kT}, {"dy", Role::in, kT}};
  bool relu = false;
  template <class V>
  void visit(V& v) {
    LrnGroupedFields::visit(v), v("relu", relu);
  }
  void rule(Specs& s) const { LrnGroupedFields::rule(s, X, DX, DY); }
};

struct LrnWithin : LrnFields {
  static constexpr const char* name = "lrn_within";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  void rule(Specs& s) const { LrnFields::rule(s, X, Y, -1); }
};

struct LrnWithinBackward : LrnFields {
  static constexpr const char* name = "lrn_within_backward";
  enum { DX, X, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"x", Role::in, kT}, {"dy", Role::in, kT}};
  void rule(Specs& s) const { LrnFields::rule(s, X, DX, DY); }
};

}  // namespace alexnode
