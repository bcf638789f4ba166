// Ops that move or set values: reorder (layout and dtype), channel copies (concat and slice, forward and
// backward), fill.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

/// The same logical tensor in another layout, another dtype, or both.
struct Reorder {
  static constexpr const char* name = "reorder";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kFloat | kFilters}, {"x", Role::in, kFloat | kU8}};
  template <class V>
  void visit(V&) {}
  void rule(Specs& s) const { s.expect(Y, s.shape(X)); }
};

/// Channels from … from+count-1 of x become channels to … to+count-1 of y; y's other channels stay.
struct CopyChannels {
  static constexpr const char* name = "copy_channels";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::inout, kT}, {"x", Role::in, kT}};
  int64_t from = 0, to = 0, count = 1;
  template <class V>
  void visit(V& v) {
    v("from", from), v("to", to), v("count", count);
  }
  void rule(Specs& s) const {
    Shape x = s.shape(X), y = s.shape(Y);
    if ((x.size() != 2 && x.size() != 4) || x.size() != y.size())
      s.fail("expected two tensors [N, C] or [N, C, H, W], got ", to_text(x), " and ", to_text(y));
    if (count < 1 || from < 0 || to < 0 || from + count > x[1] || to + count > y[1])
      s.fail("cannot copy channels ", from, "…", from + count - 1, " of ", to_text(x), " to ", to, "…",
             to + count - 1, " of ", to_text(y));
    x[1] = y[1] = 0;
    if (x != y)
      s.fail("expected shapes that differ in their channels alone, got ", to_text(s.shape(X)), " and ",
             to_text(s.shape(Y)));
  }
};

/// Every byte of padding included, so that a blocked tensor's padding is what the value is.
struct Fill {
  static constexpr const char* name = "fill";
  enum { Y };
  static constexpr Slot slots[] = {{"y", Role::out, kFloat | kU8 | kI32 | kU32}};
  float value = 0;
  template <class V>
  void visit(V& v) {
    v("value", value);
  }
  void rule(Specs& s) const { s.require(!s.shape(Y).empty(), "y: give its shape"); }
};

}  // namespace alexnode
