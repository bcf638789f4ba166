// Winograd kernels for the convolution ops. Each is null if Winograd cannot do the convolution or is not
// expected to be faster. Images must have their layouts, weights may still be "any".
#pragma once
#include "ops/conv2d.h"

namespace alexnode::cpu {

/// Whether Winograd's method, whose sums are of f32, beats the definition's in this dtype on this CPU.
bool winograd_suits(DType dtype);

/// A quick look at the fields, before there are layouts.
inline bool may_winograd(const ConvFields& fields) {
  return fields.winograd && fields.stride == Int2{1, 1} && fields.dilation == Int2{1, 1};
}

/// Frozen weights left "any" take one of Winograd's layouts, others row-major.
KernelPtr make_winograd(const Conv2d& fields, const Specs& specs);
KernelPtr make_winograd(const Conv2dBackwardData& fields, const Specs& specs);
KernelPtr make_winograd(const Conv2dBackwardWeights& fields, const Specs& specs);
/// The reorder of filters to a layout of Winograd's; null for any other.
KernelPtr make_winograd_filters(const Specs& specs);

}  // namespace alexnode::cpu
