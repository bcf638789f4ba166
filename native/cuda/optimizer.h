// Kernels that take many calls at once. A step updates some dozens of parameters, most of them small: joined,
// that is one launch.
#pragma once
#include <span>
#include <utility>

#include "cuda/kernel.h"

namespace alexnode::cuda {

using JoinedCall = std::pair<const Kernel*, Args>;

/// What a Kernel may also be.
class Joinable {
 public:
  virtual ~Joinable() = default;
  /// Whether calls of `other` may run with calls of this one; if so, then the other way round as well.
  virtual bool joins(const Kernel& other) const = 0;
  /// Runs all calls, however many. Each joins this one, and none touches what another one writes: the caller
  /// sees to that.
  virtual void run_joined(std::span<const JoinedCall> calls, const Launch& launch) const = 0;
};

}  // namespace alexnode::cuda
