// A cache of pinned host memory: allocating and freeing a block takes the driver milliseconds, in which it
// may block every stream. Thread-safe.
#pragma once
#include <map>
#include <mutex>
#include <unordered_map>

#include "cuda/kernel.h"

namespace alexnode::cuda {

class Pinned {
 public:
  explicit Pinned(const Driver& driver) : d_(driver) {}
  /// At least `bytes`, in the current context.
  void* take(size_t bytes);
  void give(void* block) noexcept;
  /// Frees the blocks that are not in use.
  void clear() noexcept;

 private:
  const Driver& d_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;
  std::multimap<size_t, void*> spare_;
  size_t spare_bytes_ = 0;
};

}  // namespace alexnode::cuda
