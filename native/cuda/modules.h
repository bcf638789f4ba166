// The loaded kernels of one GPU. A topic is one file of native/cuda/kernels/. Code compiled ahead by nvcc is
// used if it fits the GPU and the driver; otherwise NVRTC compiles the same source once, and the result is
// kept on disk.
#pragma once
#include <map>
#include <mutex>
#include <string>

#include "cuda/kernel.h"

namespace alexnode::cuda {

class Modules {
 public:
  Modules(const Libraries& libraries, const Gpu& gpu) : libraries_(libraries), gpu_(gpu) {}
  /// Throws if the topic cannot be compiled or has no such kernel.
  CUfunction function(const char* topic, const std::string& name);
  void unload() noexcept;
  /// Why kernels are compiled at run time; empty if none has been. Callable on any thread.
  std::string compiled_because() const {
    std::lock_guard lock(mutex_);
    return compiled_because_;
  }

 private:
  void compiles_because(std::string why) {
    std::lock_guard lock(mutex_);
    compiled_because_ = std::move(why);
  }
  struct Module {
    CUmodule handle = nullptr;
    bool ahead = false;  // compiled by nvcc
  };
  Module load(const char* topic);
  Module load_compiled(const char* topic, const char* source);
  /// If this error says that the packaged kernels do not fit, keeps the reason; else throws it.
  void refuse_ahead(int error, const char* call);
  std::string compile(const char* topic, const char* source) const;
  const Libraries& libraries_;
  const Gpu& gpu_;
  std::map<std::string, Module> modules_;
  std::map<std::string, CUfunction> functions_;
  mutable std::mutex mutex_;
  std::string compiled_because_;
};

}  // namespace alexnode::cuda
