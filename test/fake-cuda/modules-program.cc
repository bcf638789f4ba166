// The addon's choice between packaged kernels and those that NVRTC compiles, on the double of the driver; an
// addon built without nvcc has no packaged kernels. Prints why kernels were compiled, if they were. modules
// FOLDER
#include <dlfcn.h>

#include <cstdio>
#include <exception>

#include "cuda/modules.h"
#include "cuda/sources.h"

namespace alexnode::cuda {

namespace {
// As fatbins begin.
constexpr char kAhead[] = "\x50\xed\x55\xba and so on";
constexpr KernelSource kSources[] = {{"elementwise", "//", {kAhead, sizeof kAhead}}, {"pad", "//", {}}};

template <class Api>
void open(const std::string& path, Api& api) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(dlerror());
  api.visit([&](const char* name, auto*& function) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
  });
}
}  // namespace

std::span<const KernelSource> kernel_sources() { return kSources; }
std::span<const KernelHeader> kernel_headers() { return {}; }

}  // namespace alexnode::cuda

int main(int, char** arguments) {
  using namespace alexnode::cuda;
  try {
    Libraries libraries;
    const auto& d = libraries.driver;
    open(std::string(arguments[1]) + "/libcuda.so.1", libraries.driver);
    open(std::string(arguments[1]) + "/libnvrtc.so.13", libraries.nvrtc);
    Gpu gpu{.major = 9, .name = "Fake GPU"};
    check(d, d.cuInit(0), "cuInit");
    check(d, d.cuDeviceGet(&gpu.handle, 0), "cuDeviceGet");
    check(d, d.cuDevicePrimaryCtxRetain(&gpu.context, gpu.handle), "cuDevicePrimaryCtxRetain");
    check(d, d.cuCtxSetCurrent(gpu.context), "cuCtxSetCurrent");
    Modules modules(libraries, gpu);
    try {
      modules.function("elementwise", "relu_f32");
      modules.function("elementwise", "add_f32");
      std::printf("%s\n", modules.compiled_because().c_str());
      modules.function("pad", "pad_32");
      std::printf("%s\n", modules.compiled_because().c_str());
      modules.function("pad", "none");
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
    }
    modules.unload();
    check(d, d.cuDevicePrimaryCtxRelease_v2(gpu.handle), "cuDevicePrimaryCtxRelease");
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
}
