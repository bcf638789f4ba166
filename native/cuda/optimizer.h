// Kernels that run many calls in one launch. A step updates dozens of parameters, most of them small.
#pragma once
#include <span>
#include <utility>

#include "cuda/kernel.h"

namespace alexnode::cuda {

using JoinedCall = std::pair<const Kernel*, Args>;

/// An additional interface of some Kernels.
class Joinable {
 public:
  virtual ~Joinable() = default;
  /// True if calls of `other` may run together with calls of this one. Symmetric.
  virtual bool joins(const Kernel& other) const = 0;
  /// Runs all calls, however many. The caller ensures that each joins this kernel, and that none accesses
  /// what another one writes.
  virtual void run_joined(std::span<const JoinedCall> calls, const Launch& launch) const = 0;
};

}  // namespace alexnode::cuda
