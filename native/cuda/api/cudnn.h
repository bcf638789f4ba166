// What is used of cuDNN's C ABI (cudnn.h, version 9).
#pragma once
#include <cstddef>

namespace alexnode::cuda {

using cudnnHandle_t = struct cudnnContext*;

struct Cudnn {
  /// major · 10000 + minor · 100 + patch
  size_t (*cudnnGetVersion)() = nullptr;
  /// The CUDA it was built for: major · 1000 + minor · 10. The library has one name for CUDA 12 and 13.
  size_t (*cudnnGetCudartVersion)() = nullptr;

  template <class F>
  void visit(F&& f) {
    f("cudnnGetVersion", cudnnGetVersion);
    f("cudnnGetCudartVersion", cudnnGetCudartVersion);
  }
};

}  // namespace alexnode::cuda
