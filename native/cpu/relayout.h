// A kernel in layouts that suit it, behind tensors that lie in others: copies before and after. For layouts
// that the caller insists on and that have only reference code; the copies cost little beside that.
#pragma once
#include "op.h"

namespace alexnode::cpu {

/// `specs` are the caller's; where one has a layout that `inner` does not work in, a copy is made.
KernelPtr relayout(Specs specs, KernelPtr inner);

}  // namespace alexnode::cpu
