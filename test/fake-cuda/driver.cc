// A double of the CUDA driver with one device. -DCUDA=13000 is the CUDA that it supports.
#include <cstddef>
#include <cstring>

extern "C" {
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) {
  *version = CUDA;
  return 0;
}
int cuGetErrorName(int, const char** name) {
  *name = "CUDA_ERROR_FAKE";
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = 40 + ordinal;
  return 0;
}
int cuDeviceGetName(char* name, int length, int device) {
  if (device != 40) return 101;
  std::strncpy(name, "Fake GPU", size_t(length));
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (device != 40) return 101;
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : -1;
  return 0;
}
int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  if (device != 40) return 101;
  *bytes = size_t(80) << 30;
  return 0;
}
}
