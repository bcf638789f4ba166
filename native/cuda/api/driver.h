// What is used of the CUDA driver's C ABI (cuda.h), the same in CUDA 12 and 13. Results are 0 or an error.
#pragma once
#include <cstddef>

namespace alexnode::cuda {

struct Driver {
  int (*cuInit)(unsigned flags) = nullptr;
  int (*cuDriverGetVersion)(int* version) = nullptr;
  int (*cuGetErrorName)(int error, const char** name) = nullptr;
  int (*cuDeviceGetCount)(int* count) = nullptr;
  int (*cuDeviceGet)(int* device, int ordinal) = nullptr;
  int (*cuDeviceGetName)(char* name, int length, int device) = nullptr;
  int (*cuDeviceGetAttribute)(int* value, int attribute, int device) = nullptr;
  int (*cuDeviceTotalMem)(size_t* bytes, int device) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("cuInit", cuInit);
    f("cuDriverGetVersion", cuDriverGetVersion);
    f("cuGetErrorName", cuGetErrorName);
    f("cuDeviceGetCount", cuDeviceGetCount);
    f("cuDeviceGet", cuDeviceGet);
    f("cuDeviceGetName", cuDeviceGetName);
    f("cuDeviceGetAttribute", cuDeviceGetAttribute);
    f("cuDeviceTotalMem_v2", cuDeviceTotalMem);
  }
};

// CUdevice_attribute
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;

}  // namespace alexnode::cuda
