// The layout of image ops on CUDA: NHWC where it is the op's to choose, as cuDNN is fastest in it.
#pragma once
#include <initializer_list>

#include "op.h"

namespace alexnode::cuda {

/// Gives these tensors one layout: the first that one of them has, else NHWC. Throws where they differ.
inline void settle_images(Specs& specs, std::initializer_list<int> slots) {
  std::string layout = "acdb";
  for (auto i = std::rbegin(slots); i != std::rend(slots); ++i)
    if (specs.has(*i) && specs[*i].layout != "any") layout = specs[*i].layout;
  for (const int i : slots)
    if (specs.has(i) && specs[i].layout == "any") specs[i].layout = layout;
  specs.same_layout(slots);
}

}  // namespace alexnode::cuda
