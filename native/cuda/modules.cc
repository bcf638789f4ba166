#include "cuda/modules.h"

#include <algorithm>
#include <cstring>

#include "cuda/disk_cache.h"
#include "cuda/sources.h"

namespace alexnode::cuda {

namespace {

/// The driver's errors if code that was compiled ahead does not fit it or the GPU.
bool does_not_fit(int error) {
  return error == kInvalidImage || error == kNoBinaryForGpu || error == kUnsupportedPtx ||
         error == kInvalidPtx || error == kNoJitCompiler || error == kJitDisabled;
}

void check_nvrtc(const Nvrtc& nvrtc, int result, const char* call) {
  if (result)
    fail("[cuda] ", call, " failed with ", result, " (", nvrtc.nvrtcGetErrorString(result),
         "): `alexnode doctor` looks at the installation");
}

struct Compilation {
  const Nvrtc& nvrtc;
  nvrtcProgram program = nullptr;
  ~Compilation() {
    if (program) nvrtc.nvrtcDestroyProgram(&program);
  }
};

/// The newest architecture, at most the GPU's own, that this NVRTC compiles for.
int architecture(const Nvrtc& nvrtc, const Gpu& gpu) {
  int count = 0;
  check_nvrtc(nvrtc, nvrtc.nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
  std::vector<int> known(static_cast<size_t>(count));
  check_nvrtc(nvrtc, nvrtc.nvrtcGetSupportedArchs(known.data()), "nvrtcGetSupportedArchs");
  const int own = gpu.major * 10 + gpu.minor;
  int best = 0;
  // Binaries run on GPUs of their own major version alone.
  for (const int a : known)
    if (a <= own && a / 10 == gpu.major) best = std::max(best, a);
  if (!best)
    fail("[cuda] this NVRTC knows no architecture for ", gpu.name, " (compute capability ", gpu.major, ".",
         gpu.minor, "): install a newer CUDA toolkit or wheel of NVRTC");
  return best;
}

const KernelSource& source_of(const char* topic) {
  for (const auto& source : kernel_sources())
    if (!std::strcmp(source.topic, topic)) return source;
  fail("[cuda] there are no kernels '", topic, "'");
}

}  // namespace

CUfunction Modules::function(const char* topic, const std::string& name) {
  const auto key = text(topic, ".", name);
  const auto known = functions_.find(key);
  if (known != functions_.end()) return known->second;
  auto module = modules_.find(topic);
  if (module == modules_.end()) module = modules_.emplace(topic, load(topic)).first;
  CUfunction function = nullptr;
  const auto& driver = libraries_.driver;
  int error = driver.cuModuleGetFunction(&function, module->second.handle, name.c_str());
  if (module->second.ahead && does_not_fit(error)) {
    // A driver that loads lazily checks the code only now.
    refuse_ahead(error, "cuModuleGetFunction");
    const auto compiled = load_compiled(topic, source_of(topic).text);
    driver.cuModuleUnload(std::exchange(module->second, compiled).handle);
    error = driver.cuModuleGetFunction(&function, module->second.handle, name.c_str());
  }
  check(driver, error, "cuModuleGetFunction");
  return functions_[key] = function;
}

void Modules::refuse_ahead(int error, const char* call) {
  const auto& driver = libraries_.driver;
  if (!does_not_fit(error)) return check(driver, error, call);
  const char* words = nullptr;
  driver.cuGetErrorName(error, &words);
  compiles_because(text("the driver does not take the kernels in this addon (", error,
                        words ? text(", ", words) : "", ")"));
}

Modules::Module Modules::load(const char* topic) {
  const auto& source = source_of(topic);
  const auto& driver = libraries_.driver;
  if (source.fatbin.empty()) {
    compiles_because("this addon was built without nvcc");
  } else {
    CUmodule module = nullptr;
    const int error = driver.cuModuleLoadData(&module, source.fatbin.data());
    if (!error) return {module, true};
    refuse_ahead(error, "cuModuleLoadData");
  }
  return load_compiled(topic, source.text);
}

Modules::Module Modules::load_compiled(const char* topic, const char* source) {
  const auto cubin = compile(topic, source);
  CUmodule module = nullptr;
  check(libraries_.driver, libraries_.driver.cuModuleLoadData(&module, cubin.data()), "cuModuleLoadData");
  return {module, false};
}

std::string Modules::compile(const char* topic, const char* source) const {
  const auto& nvrtc = libraries_.nvrtc;
  int major = 0, minor = 0;
  check_nvrtc(nvrtc, nvrtc.nvrtcVersion(&major, &minor), "nvrtcVersion");
  const auto arch = text("-arch=sm_", architecture(nvrtc, gpu_));
  std::vector<const char*> names, headers;
  auto key = text("nvrtc ", major, ".", minor, " ", arch, "\n", source);
  for (const auto& h : kernel_headers()) {
    names.push_back(h.name), headers.push_back(h.text);
    key += h.text;
  }
  // The cache stores the whole key, so a hash keeps it short.
  key = text("nvrtc ", major, ".", minor, " ", arch, " ", topic, " ", std::hash<std::string>{}(key));
  if (auto cubin = load_cached("kernels", key)) return *cubin;

  Compilation program{nvrtc};
  check_nvrtc(nvrtc,
              nvrtc.nvrtcCreateProgram(&program.program, source, text(topic, ".cu").c_str(),
                                       int(headers.size()), headers.data(), names.data()),
              "nvrtcCreateProgram");
  const char* options[] = {arch.c_str(), "-std=c++17"};
  if (const int result = nvrtc.nvrtcCompileProgram(program.program, int(std::size(options)), options)) {
    size_t size = 0;
    nvrtc.nvrtcGetProgramLogSize(program.program, &size);
    std::string log(size, '\0');
    nvrtc.nvrtcGetProgramLog(program.program, log.data());
    fail("[cuda] NVRTC ", major, ".", minor, " could not compile the kernels '", topic, "' (",
         nvrtc.nvrtcGetErrorString(result), "):\n", log.c_str());
  }
  size_t size = 0;
  check_nvrtc(nvrtc, nvrtc.nvrtcGetCUBINSize(program.program, &size), "nvrtcGetCUBINSize");
  std::string cubin(size, '\0');
  check_nvrtc(nvrtc, nvrtc.nvrtcGetCUBIN(program.program, cubin.data()), "nvrtcGetCUBIN");
  store_cached("kernels", key, cubin);
  return cubin;
}

void Modules::unload() noexcept {
  for (auto& [topic, module] : modules_) libraries_.driver.cuModuleUnload(module.handle);
  modules_.clear(), functions_.clear();
}

}  // namespace alexnode::cuda
