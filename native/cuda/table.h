#pragma once
#include "cuda/kernel.h"

namespace alexnode::cuda {

/// Prepares a kernel of op number `op` of the op table; `fields` is that op's struct. Throws if CUDA has
/// none.
KernelPtr make(size_t op, const void* fields, Specs specs, const Target& target);

}  // namespace alexnode::cuda
