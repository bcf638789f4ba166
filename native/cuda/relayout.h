// A kernel in layouts that suit it, behind tensors that lie in others: reorders before and after, through
// scratch.
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

/// The op with those slots in those layouts: `make_in` gets the specs so settled. Slots that were left "any"
/// take them; where others were given, copies are made around the kernel.
KernelPtr in_layouts(Specs given, std::initializer_list<Wanted> wanted, const Target& target,
                     const std::function<KernelPtr(Specs)>& make_in);

}  // namespace alexnode::cuda
