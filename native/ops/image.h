// From bytes to a net's input.
#pragma once
#include "ops/window.h"

namespace alexnode {

/// y = (x - mean) · scale, a mean and a scale a channel; any layout to any layout.
struct Normalize {
  static constexpr const char* name = "normalize";
  enum { Y, X, Mean, Factor };
  static constexpr Slot slots[] = {{"y", Role::out, kFloat},
                                   {"x", Role::in, kF32 | kU8},
                                   {"mean", Role::in, kF32},
                                   {"scale", Role::in, kF32}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const {
    s.rank(X, 4);
    s.expect(Y, s.shape(X));
    for (int i : {Mean, Factor}) s.expect(i, {s.shape(X)[1]});
  }
};

/// Bilinear, half-pixel centres, edges clamped, no antialias (align_corners=False), into y less its border,
/// which is `value`.
struct Resize {
  static constexpr const char* name = "resize";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kFloat}, {"x", Role::in, kFloat | kU8}};
  Int4 padding{};  // top, bottom, left, right
  float value = 0;
  template <class V>
  void visit(V& v) {
    v("padding", padding), v("value", value);
  }
  void rule(Specs& s) const {
    s.rank(X, 4), s.rank(Y, 4);
    if (s.shape(Y).empty()) s.fail("y: give its shape");
    const auto &x = s.shape(X), &y = s.shape(Y);
    check_axes(s, X, x), check_axes(s, Y, y);
    if (x[0] != y[0] || x[1] != y[1]) s.fail("y: expected [", x[0], ", ", x[1], ", H, W], got ", to_text(y));
    for (auto p : padding)
      if (p < 0) s.fail("expected padding of 0 or more, got ", p);
    if (y[2] <= padding[0] + padding[1] || y[3] <= padding[2] + padding[3])
      s.fail("the padding leaves nothing of y ", to_text(y));
  }
};

}  // namespace alexnode
