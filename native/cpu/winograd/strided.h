// A strided convolution over few channels, such as AlexNet's first, as a dense one over many: see strided.cc.
// Null if that cannot be done or is not expected to be faster. Image layouts left "any" are settled.
#pragma once
#include "layout.h"
#include "ops/conv2d.h"

namespace alexnode::cpu {

KernelPtr make_strided(const Conv2d& fields, const Specs& specs);
KernelPtr make_strided(const Conv2dBackwardWeights& fields, const Specs& specs);
/// The reorder of filters, row-major, to such a layout of a stride above 1.
KernelPtr make_strided_filters(const WinogradLayout& to, Specs specs);

}  // namespace alexnode::cpu
