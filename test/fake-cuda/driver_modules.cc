// The driver's double: modules and launches. Kernels lie beside it, compiled for this machine, one library a
// file of native/cuda/kernels (libalexnode_kernels_relu.so), whatever code is loaded.
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <filesystem>

#include "captures.h"
#include "objects.h"
#include "queues.h"
#include "touch.h"

namespace fake {

namespace {

/// What NVRTC's double compiles to: this and the topic.
constexpr char kTag[] = "fake cubin of ";

/// Handles of the kernels' libraries, by topic.
const std::map<std::string, void*>& libraries() {
  static const auto& open = *[] {
    auto* found = new std::map<std::string, void*>;
    Dl_info info;
    dladdr(reinterpret_cast<const void*>(&cuModuleLoadData), &info);
    const std::string prefix = "libalexnode_kernels_", suffix = ".so";
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(info.dli_fname).parent_path())) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
      void* handle = dlopen(entry.path().c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!handle) fake_misuse(dlerror());
      const auto length = name.size() - prefix.size() - suffix.size();
      if (handle) (*found)[name.substr(prefix.size(), length)] = handle;
    }
    return found;
  }();
  return open;
}

struct KernelWork final : FakeWork {
  void run() override {
    who_touches = function->name.c_str();
    function->run_grid(function->name.c_str(), function->entry, grid, block, params.data());
  }
  std::shared_ptr<Function> function;
  Extent grid, block;
  std::vector<std::byte> params;
};

/// fatbin, ELF, or PTX.
bool is_code(const char* image) {
  uint32_t word;
  std::memcpy(&word, image, 4);
  return word == 0xba55ed50 || !std::memcmp(image, "\177ELF", 4) || !std::memcmp(image, "//", 2);
}

}  // namespace

extern "C" {

int cuModuleLoadData(CUmodule* module, const void* image) {
  FAKE_ENTER_CONTEXT(cuModuleLoadData);
  if (const int error = unsafe_under_capture(call)) return error;
  const auto* bytes = static_cast<const char*>(image);
  auto made = std::make_shared<Module>();
  made->context = context;
  if (!std::strncmp(bytes, kTag, sizeof kTag - 1))
    made->topic = bytes + sizeof kTag - 1;
  else if (!is_code(bytes))
    return wrong(kInvalidImage, "cuModuleLoadData: no code");
  else if (fake_setting("no_fatbin", 0) && !fake_setting("lazy", 0))
    return kNoBinaryForGpu;
  *module = State::get().modules.add(made);
  return 0;
}

int cuModuleUnload(CUmodule module) {
  FAKE_GIVE_BACK(cuModuleUnload);
  if (const int error = unsafe_under_capture(call)) return error;
  const auto gone = State::get().modules.take(module, call);
  if (!gone) return kInvalidHandle;
  for (const auto function : gone->functions) State::get().functions.take(function, call);
  return failed;
}

int cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  FAKE_ENTER_CONTEXT(cuModuleGetFunction);
  const auto found = State::get().modules.find(module, call);
  if (!found) return kInvalidHandle;
  // As with CUDA_MODULE_LOADING=LAZY.
  if (found->topic.empty() && fake_setting("no_fatbin", 0)) return kNoBinaryForGpu;
  for (const auto& [topic, library] : libraries()) {
    if (!found->topic.empty() && found->topic != topic) continue;
    void* entry = dlsym(library, ("alexnode_kernel_" + std::string(name)).c_str());
    if (!entry) continue;
    auto made = std::make_shared<Function>();
    made->context = found->context;
    made->name = name;
    made->entry = reinterpret_cast<void (*)(const void*)>(entry);
    made->run_grid = reinterpret_cast<RunGrid>(dlsym(library, "fake_run_grid"));
    made->bytes =
        *static_cast<const unsigned*>(dlsym(library, ("alexnode_params_" + std::string(name)).c_str()));
    *function = State::get().functions.add(made);
    found->functions.push_back(*function);
    return 0;
  }
  return wrong(kNotFound, "cuModuleGetFunction: there is no kernel " + std::string(name) +
                              (found->topic.empty() ? "" : " in " + found->topic));
}

int cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void** parameters,
                   void** extra) {
  FAKE_ENTER_CONTEXT(cuLaunchKernel);
  const auto found = State::get().functions.find(function, call);
  const auto on = State::get().streams.find(stream, call);
  if (!found || !on) return kInvalidHandle;
  if (found->context != on->context || on->context != context)
    return wrong(kInvalidHandle, found->name + ": kernel, stream and current context are not of one context");
  if (const int error = may_capture(on)) return error;
  const auto threads = size_t(block_x) * block_y * block_z;
  if (!grid_x || !grid_y || !grid_z || grid_x > 0x7fffffff || grid_y > 65535 || grid_z > 65535 || !threads ||
      threads > 256 || shared || !parameters || extra)
    return wrong(kInvalidValue, found->name + ": grid " + std::to_string(grid_x) + " × " +
                                    std::to_string(grid_y) + " × " + std::to_string(grid_z) + ", threads " +
                                    std::to_string(threads));
  auto work = std::make_shared<KernelWork>();
  work->function = found;
  work->grid = {grid_x, grid_y, grid_z};
  work->block = {block_x, block_y, block_z};
  const auto* params = static_cast<const std::byte*>(parameters[0]);
  work->params.assign(params, params + found->bytes);
  enqueue(on, std::move(work));
  return 0;
}

}  // extern "C"

}  // namespace fake
