// Layouts that an op may choose.
#pragma once
#include <algorithm>
#include <initializer_list>

#include "op.h"

namespace alexnode::cuda {

/// As Specs::settle_as, but images without a layout get NHWC, which is the fastest for cuDNN.
inline void settle_images(Specs& specs, int like) {
  const auto& shape = specs.shape(like);
  const bool open = std::none_of(specs.begin(), specs.end(), [&](const Spec& s) {
    return !s.absent && s.shape == shape && s.layout != "any";
  });
  if (open && shape.size() == 4) specs[like].layout = "acdb";
  specs.settle_as(like);
}

/// Gives these tensors, whatever their shapes, one layout: the first that one of them has, else NHWC. Throws
/// if they differ.
inline void settle_alike(Specs& specs, std::initializer_list<int> slots) {
  std::string layout = "any";
  for (const int i : slots)
    if (specs.has(i) && layout == "any") layout = specs[i].layout;
  for (const int i : slots)
    if (specs.has(i) && specs[i].layout == "any") specs[i].layout = layout == "any" ? "acdb" : layout;
  specs.same_layout(slots);
}

}  // namespace alexnode::cuda
