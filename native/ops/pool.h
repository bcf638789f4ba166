// Max and average pooling. In a tie the first maximum in row-major order wins; padding never wins.
// `index` holds, for each output, the winner's place in its window (row · width + column), in y's layout.
#pragma once
#include "ops/window.h"

namespace alexnode {

struct PoolFields {
  Int2 kernel{2, 2}, stride{2, 2};
  Int4 padding{};     // top, bottom, left, right
  bool ceil = false;  // keep a last window that is only partly inside
  template <class V>
  void visit(V& v) {
    v("kernel", kernel), v("stride", stride), v("padding", padding), v("ceil", ceil);
  }
  void rule(Specs& s, int x, int y) const {
    check_window(s, kernel, stride, padding, {1, 1});
    for (int i : {0, 1})
      if (std::max(padding[2 * i], padding[2 * i + 1]) >= kernel[i])
        s.fail("expected padding smaller than the window, got ", padding[2 * i], " and ", padding[2 * i + 1],
               " around ", kernel[i]);
    s.rank(x, 4);
    const Shape X = s.shape(x);
    if (X.empty()) s.fail("needs the shape of ", s.slots[x].name);
    check_axes(s, x, X);
    if (kernel[0] * kernel[1] > INT32_MAX)
      s.fail("expected a window of at most ", INT32_MAX, " cells, got ", kernel[0], "×", kernel[1]);
    s.expect(y, {X[0], X[1], window_steps(X[2], kernel[0], stride[0], 1, padding[0], padding[1], ceil),
                 window_steps(X[3], kernel[1], stride[1], 1, padding[2], padding[3], ceil)});
  }
  DType index_dtype() const { return kernel[0] * kernel[1] > 256 ? DType::i32 : DType::u8; }
  void index_rule(Specs& s, int index, int y) const {
    if (!s.has(index)) return;
    s.expect(index, s.shape(y));
    auto& spec = s[index];
    if (spec.dtype != index_dtype()) {
      if (s.slots[index].role != Role::out)
        s.fail("index: expected dtype ", name_of(index_dtype()), ", got ", name_of(spec.dtype));
      spec.dtype = index_dtype();
    }
  }
};

/// Without `index` nothing is kept for a backward pass.
struct MaxPool : PoolFields {
  static constexpr const char* name = "max_pool";
  enum { Y, X, Index };
  static constexpr Slot slots[] = {
      {"y", Role::out, kT}, {"x", Role::in, kT}, {"index", Role::out, kU8 | kI32, true}};
  void rule(Specs& s) const {
    PoolFields::rule(s, X, Y);
    index_rule(s, Index, Y);
  }
};

/// dx needs its shape given: the stride hides it.
struct MaxPoolBackward : PoolFields {
  static constexpr const char* name = "max_pool_backward";
  enum { DX, DY, Index };
  static constexpr Slot slots[] = {
      {"dx", Role::out, kT}, {"dy", Role::in, kT}, {"index", Role::in, kU8 | kI32}};
  void rule(Specs& s) const {
    PoolFields::rule(s, DX, DY);
    index_rule(s, Index, DY);
  }
};

struct AvgPoolFields : PoolFields {
  // Divide by the cells of a window that lie inside x or its padding, or by those inside x alone. What `ceil`
  // lets a window reach beyond the padding never counts, as in PyTorch.
  bool include_padding = true;
  template <class V>
  void visit(V& v) {
    PoolFields::visit(v), v("include_padding", include_padding);
  }
};

struct AvgPool : AvgPoolFields {
  static constexpr const char* name = "avg_pool";
  enum { Y, X };
  static constexpr Slot slots[] = {{"y", Role::out, kT}, {"x", Role::in, kT}};
  void rule(Specs& s) const { PoolFields::rule(s, X, Y); }
};

struct AvgPoolBackward : AvgPoolFields {
  static constexpr const char* name = "avg_pool_backward";
  enum { DX, DY };
  static constexpr Slot slots[] = {{"dx", Role::out, kT}, {"dy", Role::in, kT}};
  void rule(Specs& s) const { PoolFields::rule(s, DX, DY); }
};

}  // namespace alexnode
