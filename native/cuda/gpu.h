// One GPU as one JavaScript environment uses it: its primary context, the libraries' handles and the loaded
// kernels, shared by all devices that are opened on it (cuda:0#0 and cuda:0#1 are one GPU). Used on the
// launcher's thread alone, but for `make_current` and the constants.
#pragma once
#include <cstdint>

#include "cuda/kernel.h"
#include "cuda/modules.h"
#include "cuda/pinned.h"

namespace alexnode::cuda {

class GpuContext {
 public:
  /// Throws where there is no such GPU, or it is not one that this addon supports.
  GpuContext(const Libraries& libraries, int ordinal);
  ~GpuContext();
  GpuContext(const GpuContext&) = delete;
  GpuContext& operator=(const GpuContext&) = delete;

  const Driver& driver() const { return libraries.driver; }
  void make_current() const { check(driver(), driver().cuCtxSetCurrent(gpu.context), "cuCtxSetCurrent"); }
  /// The libraries' handles, bound to that stream.
  Launch on(CUstream stream);
  /// The stream is about to end, and another may get its address. This context is current then.
  void forget(CUstream stream);
  /// Whether this GPU's streams can follow pointers to that one's pools.
  bool reaches(int ordinal) const { return peers[size_t(ordinal)]; }

  const Libraries& libraries;
  Gpu gpu;
  Modules modules;
  Choices choices;
  Pinned pinned;
  std::vector<bool> peers;  // by ordinal; itself included
  const uint64_t serial;    // never used twice

 private:
  void release() noexcept;
  cudnnHandle_t cudnn_ = nullptr;
  cublasLtHandle_t cublaslt_ = nullptr;
  CUstream bound_ = nullptr;
};

}  // namespace alexnode::cuda
