// The output size of a sliding window, for convolution and pooling.
#pragma once
#include <cstdint>

#include "op.h"
#include "sizes.h"

namespace alexnode {

/// Steps of a window of `size` (spread by `dilation`) along `length` with `before` and `after` cells of
/// padding. With `ceil` a last, partly empty window is kept where it still starts inside the input or its
/// leading padding.
inline int64_t window_steps(int64_t length, int64_t size, int64_t stride, int64_t dilation, int64_t before,
                            int64_t after, bool ceil = false) {
  const int64_t room = length + before + after - (dilation * (size - 1) + 1) + (ceil ? stride - 1 : 0);
  if (room < 0) return 0;
  int64_t steps = room / stride + 1;
  if (ceil && (steps - 1) * stride >= length + before) steps--;
  return steps;
}

inline void check_window(const Specs& s, const Int2& size, const Int2& stride, const Int4& padding,
                         const Int2& dilation) {
  for (int i : {0, 1}) {
    if (size[i] < 1) s.fail("expected a window of 1 or more, got ", size[0], "×", size[1]);
    if (stride[i] < 1) s.fail("expected strides of 1 or more, got ", stride[0], " and ", stride[1]);
    if (dilation[i] < 1) s.fail("expected dilations of 1 or more, got ", dilation[0], " and ", dilation[1]);
    for (auto most : {size[i], stride[i], dilation[i], padding[2 * i], padding[2 * i + 1]})
      if (most > kMostAxis)
        s.fail("expected a window, stride, dilation and padding of at most ", kMostAxis, ", got ", most);
  }
  for (auto p : padding)
    if (p < 0) s.fail("expected padding of 0 or more, got ", p);
}

/// For ops that keep tables of rows and columns of images [N, C, H, W].
inline void check_axes(const Specs& s, int slot, const Shape& shape) {
  for (size_t d = 2; d < shape.size(); d++)
    if (shape[d] > kMostAxis)
      s.fail(s.slots[slot].name, ": expected rows and columns of at most ", kMostAxis, ", got ",
             to_text(shape));
}

}  // namespace alexnode
