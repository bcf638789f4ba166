// What is used of NCCL's C ABI (nccl.h, version 2).
#pragma once

namespace alexnode::cuda {

struct Nccl {
  /// major · 10000 + minor · 100 + patch
  int (*ncclGetVersion)(int* version) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("ncclGetVersion", ncclGetVersion);
  }
};

}  // namespace alexnode::cuda
