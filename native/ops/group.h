// Ops between the processes of a group, which all call them in the same order. They wait for the others.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

/// The sum of all processes' x, in place: all get the same bits.
struct AllReduce {
  static constexpr const char* name = "all_reduce";
  enum { X };
  static constexpr Slot slots[] = {{"x", Role::inout, kF32 | kBf16}};
  int64_t group = 0, tag = 0;
  template <class V>
  void visit(V& v) {
    v("group", group), v("tag", tag);
  }
  void rule(Specs& s) const { s.require(!s.shape(X).empty(), "x: give its shape"); }
};

/// x of the process `root`, byte by byte.
struct Broadcast {
  static constexpr const char* name = "broadcast";
  enum { X };
  static constexpr Slot slots[] = {{"x", Role::inout, kFloat | kU8 | kI32 | kU32}};
  int64_t group = 0, root = 0, tag = 0;
  template <class V>
  void visit(V& v) {
    v("group", group), v("root", root), v("tag", tag);
  }
  void rule(Specs& s) const { s.require(!s.shape(X).empty(), "x: give its shape"); }
};

}  // namespace alexnode
