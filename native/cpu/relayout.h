// Runs a kernel in other layouts or dtypes than its tensors have, with copies before and after. For layouts
// that the caller requires and that have only reference code, which takes far longer than the copies, and for
// what oneDNN computes wrongly in bf16.
#pragma once
#include "op.h"

namespace alexnode::cpu {

/// `specs` are the caller's; where one has a layout or dtype that `inner` does not work in, a copy is made.
KernelPtr relayout(Specs specs, KernelPtr inner);

}  // namespace alexnode::cpu
