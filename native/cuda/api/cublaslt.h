// What is used of cublasLt's C ABI (cublasLt.h).
#pragma once

namespace alexnode::cuda {

using cublasLtHandle_t = struct cublasLtContext*;

struct CublasLt {
  /// Major, minor or patch (0, 1, 2) of the version.
  int (*cublasLtGetProperty)(int which, int* value) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("cublasLtGetProperty", cublasLtGetProperty);
  }
};

}  // namespace alexnode::cuda
