#include "cuda/pinned.h"

#include <bit>

namespace alexnode::cuda {

namespace {
constexpr size_t kLeast = 4096;
/// Beyond the two slots of a feed at a large batch, memory is freed at once.
constexpr size_t kMostSpare = size_t(1) << 29;
}  // namespace

void* Pinned::take(size_t bytes) {
  const size_t size = std::bit_ceil(std::max(bytes, kLeast));
  std::lock_guard lock(mutex_);
  if (const auto found = spare_.find(size); found != spare_.end()) {
    void* block = found->second;
    spare_.erase(found);
    spare_bytes_ -= size;
    return block;
  }
  void* block = nullptr;
  check(d_, d_.cuMemHostAlloc(&block, size, kHostPortable), "cuMemHostAlloc");
  sizes_[block] = size;
  return block;
}

void Pinned::give(void* block) noexcept {
  std::lock_guard lock(mutex_);
  const auto known = sizes_.find(block);
  if (known == sizes_.end()) return;
  if (spare_bytes_ + known->second <= kMostSpare) {
    spare_.emplace(known->second, block);
    spare_bytes_ += known->second;
  } else {
    sizes_.erase(known);
    d_.cuMemFreeHost(block);
  }
}

void Pinned::clear() noexcept {
  std::lock_guard lock(mutex_);
  for (auto& [size, block] : spare_) {
    sizes_.erase(block);
    d_.cuMemFreeHost(block);
  }
  spare_.clear();
  spare_bytes_ = 0;
}

}  // namespace alexnode::cuda
