// What is used of NVRTC's C ABI (nvrtc.h), which compiles kernels at run time.
#pragma once

namespace alexnode::cuda {

struct Nvrtc {
  int (*nvrtcVersion)(int* major, int* minor) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("nvrtcVersion", nvrtcVersion);
  }
};

}  // namespace alexnode::cuda
