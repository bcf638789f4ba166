// Runs a kernel in other layouts than its tensors have, with reorders before and after, through scratch.
#pragma once
#include <functional>
#include <initializer_list>
#include <string>

#include "cuda/kernel.h"

namespace alexnode::cuda {

struct Wanted {
  int slot;
  std::string layout;
};

/// Prepares an op with these slots in these layouts: `make_in` gets the settled specs. Slots left "any" take
/// the layouts; slots in others are copied before and after the kernel.
KernelPtr in_layouts(Specs given, std::initializer_list<Wanted> wanted, const Target& target,
                     const std::function<KernelPtr(Specs)>& make_in);

}  // namespace alexnode::cuda
