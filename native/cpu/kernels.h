// One factory an op, in the file of the op's name: `KernelPtr make(const Conv2d&, Specs)`. They are declared
// weak, so an op without one is told apart at run time and nobody writes a stub.
#pragma once
#include "ops/table.h"

namespace alexnode::cpu {

#define ALEXNODE_DECLARE(Op) KernelPtr make(const Op& fields, Specs specs) __attribute__((weak));
ALEXNODE_OPS(ALEXNODE_DECLARE)
#undef ALEXNODE_DECLARE

}  // namespace alexnode::cpu
