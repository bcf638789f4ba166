// What is used of NVRTC's C ABI (nvrtc.h), which compiles kernels at run time.
#pragma once
#include <cstddef>

namespace alexnode::cuda {

using nvrtcProgram = struct _nvrtcProgram*;

struct Nvrtc {
  int (*nvrtcVersion)(int* major, int* minor) = nullptr;
  const char* (*nvrtcGetErrorString)(int result) = nullptr;
  int (*nvrtcCreateProgram)(nvrtcProgram* program, const char* source, const char* name, int headers,
                            const char* const* header_sources, const char* const* header_names) = nullptr;
  int (*nvrtcDestroyProgram)(nvrtcProgram* program) = nullptr;
  int (*nvrtcCompileProgram)(nvrtcProgram program, int count, const char* const* options) = nullptr;
  int (*nvrtcGetProgramLogSize)(nvrtcProgram program, size_t* bytes) = nullptr;
  int (*nvrtcGetProgramLog)(nvrtcProgram program, char* log) = nullptr;
  int (*nvrtcGetCUBINSize)(nvrtcProgram program, size_t* bytes) = nullptr;
  int (*nvrtcGetCUBIN)(nvrtcProgram program, char* cubin) = nullptr;
  int (*nvrtcGetNumSupportedArchs)(int* count) = nullptr;
  int (*nvrtcGetSupportedArchs)(int* archs) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("nvrtcVersion", nvrtcVersion);
    f("nvrtcGetErrorString", nvrtcGetErrorString);
    f("nvrtcCreateProgram", nvrtcCreateProgram);
    f("nvrtcDestroyProgram", nvrtcDestroyProgram);
    f("nvrtcCompileProgram", nvrtcCompileProgram);
    f("nvrtcGetProgramLogSize", nvrtcGetProgramLogSize);
    f("nvrtcGetProgramLog", nvrtcGetProgramLog);
    f("nvrtcGetCUBINSize", nvrtcGetCUBINSize);
    f("nvrtcGetCUBIN", nvrtcGetCUBIN);
    f("nvrtcGetNumSupportedArchs", nvrtcGetNumSupportedArchs);
    f("nvrtcGetSupportedArchs", nvrtcGetSupportedArchs);
  }
};

}  // namespace alexnode::cuda
