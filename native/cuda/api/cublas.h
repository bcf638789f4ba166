// What is used of cuBLAS's C ABI (cublas_v2.h).
#pragma once

namespace alexnode::cuda {

struct Cublas {
  /// Major, minor or patch (0, 1, 2) of the version. Unlike cublasGetVersion, it takes no handle.
  int (*cublasGetProperty)(int which, int* value) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("cublasGetProperty", cublasGetProperty);
  }
};

}  // namespace alexnode::cuda
