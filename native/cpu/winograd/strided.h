// A strided convolution over few channels, such as AlexNet's first, as a dense one over many: see strided.cc.
// Null where that cannot be done or is not expected to win. Image layouts left "any" are settled.
#pragma once
#include "ops/conv2d.h"

namespace alexnode::cpu {

KernelPtr make_strided(const Conv2d& fields, const Specs& specs);
KernelPtr make_strided(const Conv2dBackwardWeights& fields, const Specs& specs);

}  // namespace alexnode::cpu
