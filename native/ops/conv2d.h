// Convolution (cross-correlation, as in every deep-learning library). x [N, C, H, W], w [O, C, kh, kw], y [N,
// O, H', W']; with groups > 1 w is [g, O/g, C/g, kh, kw] and output channel o sees only the channels of its
// own group.
#pragma once
#include <cstdint>

#include "ops/window.h"

namespace alexnode {

struct ConvFields {
  Int2 stride{1, 1};
  Int4 padding{};  // top, bottom, left, right
  Int2 dilation{1, 1};
  int64_t groups = 1;
  bool winograd = true;  // allow fewer multiplications on a CPU, at some loss of accuracy

  template <class V>
  void visit(V& v) {
    v("stride", stride), v("padding", padding), v("dilation", dilation), v("groups", groups);
    v("winograd", winograd);
  }
  void rule(Specs& s, int x, int y, int w, int b) const {
    if (groups < 1) s.fail("expected groups of 1 or more, got ", groups);
    s.rank(w, groups > 1 ? 5 : 4);
    s.rank(x, 4);
    s.rank(y, 4);
    // Whichever of x, y and w is an output may come without a shape: it is inferred from the others.
    if (s.shape(w).empty()) s.fail("w: give its shape");
    const Shape W = groups > 1 ? s.shape(w) : [&] {
      Shape t = s.shape(w);
      t.insert(t.begin(), 1);
      return t;
    }();
    if (W[0] != groups) s.fail("w: expected ", groups, " groups in its first dim, got ", to_text(s.shape(w)));
    check_window(s, {W[3], W[4]}, stride, padding, dilation);
    if (s.shape(x).empty()) s.fail("x: give its shape");
    const Shape X = s.shape(x);
    if (X[1] != W[0] * W[2])
      s.fail("w ", to_text(s.shape(w)), " takes ", W[0] * W[2], " channels, and x ", to_text(X), " has ",
             X[1]);
    s.expect(y, {X[0], W[0] * W[1], window_steps(X[2], W[3], stride[0], dilation[0], padding[0], padding[1]),
                 window_steps(X[3], W[4], stride[1], dilation[1], padding[2], padding[3])});
    if (b >= 0 && s.has(b)) s.expect(b, {W[0] * W[1]});
  }
};

struct Conv2d : ConvFields {
  static constexpr const char* name = "conv2d";
  enum { Y, X, W, B };
  static constexpr Slot slots[] = {{"y", Role::out, kT},
                                   {"x", Role::in, kT | kChooses},
                                   {"w", Role::in, kT | kChooses | kFilters},
                                   {"b", Role::in, kF32, true}};
  bool relu = false;
  bool frozen = false;  // w does not change between runs, so that a costly layout pays off
  template <class V>
  void visit(V& v) {
    ConvFields::visit(v), v("relu", relu), v("frozen", frozen);
  }
  void rule(Specs& s) const { ConvFields::rule(s, X, Y, W, B); }
};

/// dx from dy and w. dx needs its shape given: the stride hides it.
struct Conv2dBackwardData : ConvFields {
  static constexpr const char* name = "conv2d_backward_data";
  enum { DX, DY, W };
  static constexpr Slot slots[] = {
      {"dx", Role::out, kT}, {"dy", Role::in, kT | kChooses}, {"w", Role::in, kT | kChooses}};
  void rule(Specs& s) const { ConvFields::rule(s, DX, DY, W, -1); }
};

/// dw (its shape given) and db, summed over the batch, in f32.
struct Conv2dBackwardWeights : ConvFields {
  static constexpr const char* name = "conv2d_backward_weights";
  enum { DW, DB, X, DY };
  static constexpr Slot slots[] = {{"dw", Role::out, kF32},
                                   {"db", Role::out, kF32, true},
                                   {"x", Role::in, kT | kChooses},
                                   {"dy", Role::in, kT | kChooses}};
  void rule(Specs& s) const { ConvFields::rule(s, X, DY, DW, DB); }
};

}  // namespace alexnode
