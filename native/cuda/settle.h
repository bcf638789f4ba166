// Layouts that an op may choose.
#pragma once
#include <algorithm>

#include "op.h"

namespace alexnode::cuda {

/// As Specs::settle_as, but images that nobody has given a layout lie in NHWC, which cuDNN is fastest in.
inline void settle_images(Specs& specs, int like) {
  const auto& shape = specs.shape(like);
  const bool open = std::none_of(specs.begin(), specs.end(), [&](const Spec& s) {
    return !s.absent && s.shape == shape && s.layout != "any";
  });
  if (open && shape.size() == 4) specs[like].layout = "acdb";
  specs.settle_as(like);
}

}  // namespace alexnode::cuda
