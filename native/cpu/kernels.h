// One factory per op, in the file of the op's name: `KernelPtr make(const Conv2d&, Specs)`. They are declared
// weak, so an op without a factory needs no stub and is detected at run time.
#pragma once
#include "ops/table.h"

namespace alexnode::cpu {

#define ALEXNODE_DECLARE(Op) KernelPtr make(const Op& fields, Specs specs) __attribute__((weak));
ALEXNODE_OPS(ALEXNODE_DECLARE)
#undef ALEXNODE_DECLARE

}  // namespace alexnode::cpu
