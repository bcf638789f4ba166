// Divides a kernel's scratch. Libraries need workspaces aligned to 256 bytes, and scratch is aligned to 64.
#pragma once
#include <cstddef>
#include <cstdint>

#include "op.h"

namespace alexnode::cuda {

class Scratch {
 public:
  /// Reserves `bytes` and returns their offset.
  size_t take(size_t bytes) {
    const size_t at = end_;
    end_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return at;
  }
  /// The size of the scratch, with room for the alignment.
  size_t bytes() const { return end_ ? end_ + kAlignment - 64 : 0; }
  static std::byte* at(const Args& args, size_t offset) {
    const auto begin = reinterpret_cast<uintptr_t>(args.scratch);
    return reinterpret_cast<std::byte*>((begin + kAlignment - 1) / kAlignment * kAlignment + offset);
  }

 private:
  static constexpr size_t kAlignment = 256;
  size_t end_ = 0;
};

}  // namespace alexnode::cuda
