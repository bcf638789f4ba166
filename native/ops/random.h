// Ops that draw numbers: Philox 4×32-10, counter = (index / 4, step, purpose), lane = index % 4, where index
// is the element's place in the whole net's tensor (global sample, global channel, row-major), never in
// memory. rng: u32[4] = seed (2), step, first sample. Source: Salmon et al. 2011.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

struct DropoutFields {
  float rate = .5f, scale = 2;  // an element is kept, times scale, where its uniform number is >= rate
  int64_t purpose = 0;
  int64_t channels = 0,
          channel_offset = 0;  // of the whole net's tensor, where x is a slice of it; 0: x is the whole
  template <class V>
  void visit(V& v) {
    v("rate", rate), v("scale", scale), v("purpose", purpose), v("channels", channels),
        v("channel_offset", channel_offset);
  }
  void rule(Specs& s, int y, int x, int rng) const {
    if (!(rate >= 0 && rate < 1)) s.fail("expected a rate of 0 or more and below 1, got ", rate);
    const auto& X = s.shape(x);
    if (X.size() != 2 && X.size() != 4)
      s.fail(s.slots[x].name, ": expected [N, C] or [N, C, H, W], got ", to_text(X));
    if (channel_offset < 0 || (channels && channel_offset + X[1] > channels))
      s.fail("expected channels ", channel_offset, " to ", channel_offset + X[1], " to lie within ",
             channels);
    s.expect(y, X);
    s.expect(rng, {4});
  }
};

struct Dropout : DropoutFields {
  static constexpr const char* name = "dropout";
  enum { Y, X, Rng };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}, {"rng", Role::in, kU32}};
  void rule(Specs& s) const { DropoutFields::rule(s, Y, X, Rng); }
};

/// The same draw again, so no mask is kept.
struct DropoutBackward : DropoutFields {
  static constexpr const char* name = "dropout_backward";
  enum { DX, DY, Rng };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"dy", Role::in, kT}, {"rng", Role::in, kU32}};
  void rule(Specs& s) const { DropoutFields::rule(s, DX, DY, Rng); }
};

struct FillUniform {
  static constexpr const char* name = "fill_uniform";
  enum { Y, Rng };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"rng", Role::in, kU32}};
  float low = 0, high = 1;
  int64_t purpose = 0;
  template <class V>
  void visit(V& v) {
    v("low", low), v("high", high), v("purpose", purpose);
  }
  void rule(Specs& s) const {
    s.require(!s.shape(Y).empty(), "y: give its shape");
    s.expect(Rng, {4});
  }
};

struct FillNormal {
  static constexpr const char* name = "fill_normal";
  enum { Y, Rng };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"rng", Role::in, kU32}};
  float mean = 0, std = 1;
  int64_t purpose = 0;
  template <class V>
  void visit(V& v) {
    v("mean", mean), v("std", std), v("purpose", purpose);
  }
  void rule(Specs& s) const {
    s.require(!s.shape(Y).empty(), "y: give its shape");
    s.expect(Rng, {4});
  }
};

/// Adds `by` to rng's step.
struct Advance {
  static constexpr const char* name = "advance";
  enum { Rng };
  static constexpr Slot slots[] = {{"rng", Role::inout, kU32}};
  int64_t by = 1;
  template <class V>
  void visit(V& v) {
    v("by", by);
  }
  void rule(Specs& s) const { s.expect(Rng, {4}); }
};

}  // namespace alexnode
