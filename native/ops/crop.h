// From the bytes of stored images to a net's input, with random crops, mirroring and colour shifts, which
// native/crop_place.h draws.
#pragma once
#include <cstdint>

#include "op.h"

namespace alexnode {

/// y = (crop of x - mean + shift) · factor. The crop begins at one of `offsets` rows from `top` on, and of as
/// many columns from `left` on as the second says; `mirrored` turns left and right, and `flip` does that once
/// more for every second image by chance. `shared` neighbours have one crop and flip; where a batch is split,
/// rng's first sample says which are neighbours. With `colours`, an image's shift is the sum of its rows,
/// each times a number of N(0, sigma). mean: [C]; or an image, [C,H,W], which is cropped and mirrored as x
/// is, or with `fixed_mean` [C,h,w], which stays in its place.
struct Crop {
  static constexpr const char* name = "crop";
  enum { Y, X, Mean, Factor, Colours, Rng };
  static constexpr int64_t kColours = 4;  // channels that can be shifted, at most: one draw of Philox
  static constexpr Slot slots[] = {{"y", Role::out, kFloat},          {"x", Role::in, kU8},
                                   {"mean", Role::in, kF32, true},    {"factor", Role::in, kF32, true},
                                   {"colours", Role::in, kF32, true}, {"rng", Role::in, kU32, true}};
  int64_t top = 0, left = 0;
  Int2 offsets{1, 1};
  bool mirrored = false, flip = false, fixed_mean = false;
  int64_t shared = 1;
  float sigma = 0;
  int64_t purpose = 0, colour_purpose = 0;  // of the draws
  template <class V>
  void visit(V& v) {
    v("top", top), v("left", left), v("offsets", offsets), v("mirrored", mirrored), v("flip", flip);
    v("fixed_mean", fixed_mean), v("shared", shared), v("sigma", sigma), v("purpose", purpose);
    v("colour_purpose", colour_purpose);
  }
  bool draws_place() const { return flip || offsets[0] > 1 || offsets[1] > 1; }
  void rule(Specs& s) const {
    s.rank(X, 4), s.rank(Y, 4);
    if (s.shape(Y).empty()) s.fail("y: give its shape");
    const auto &x = s.shape(X), &y = s.shape(Y);
    if (x[0] != y[0] || x[1] != y[1]) s.fail("y: expected [", x[0], ", ", x[1], ", h, w], got ", to_text(y));
    check_range(s, "top", top, offsets[0], x[2], y[2]);
    check_range(s, "left", left, offsets[1], x[3], y[3]);
    if (shared < 1) s.fail("expected shared of 1 or more, got ", shared);
    if (!(sigma >= 0)) s.fail("expected a sigma of 0 or more, got ", sigma);
    if (s.has(Mean) && s.shape(Mean).size() > 1)
      s.expect(Mean, fixed_mean ? Shape{y[1], y[2], y[3]} : Shape{x[1], x[2], x[3]});
    else
      s.expect(Mean, {x[1]});
    s.expect(Factor, {x[1]});
    s.expect(Colours, {x[1], x[1]});
    if (s.has(Colours) && x[1] > kColours)
      s.fail("colours: expected x of ", kColours, " channels at most, got ", x[1]);
    if (!s.has(Rng) && (draws_place() || s.has(Colours)))
      s.fail("needs the tensor 'rng' for what is drawn, and got none");
    s.expect(Rng, {4});
  }

 private:
  static void check_range(const Specs& s, const char* what, int64_t first, int64_t count, int64_t from,
                          int64_t to) {
    if (first < 0 || count < 1 || first + count - 1 + to > from)
      s.fail("expected ", what, " to leave ", to, " of ", from, " pixels, got ", first, " with ", count,
             " offsets");
  }
};

}  // namespace alexnode
