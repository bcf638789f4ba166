// One GPU in one JavaScript environment: its primary context, the libraries' handles and the loaded
// kernels, shared by all devices that are opened on it (cuda:0#0 and cuda:0#1 are one GPU). Used only on the
// launcher's thread, except `make_current` and the constants.
#pragma once
#include <cstdint>

#include "cuda/collective_waits.h"
#include "cuda/kernel.h"
#include "cuda/modules.h"
#include "cuda/pinned.h"

namespace alexnode::cuda {

class GpuContext {
 public:
  /// Throws if there is no such GPU, or this addon does not support it.
  GpuContext(const Libraries& libraries, int ordinal);
  ~GpuContext();
  GpuContext(const GpuContext&) = delete;
  GpuContext& operator=(const GpuContext&) = delete;

  const Driver& driver() const { return libraries.driver; }
  void make_current() const { check(driver(), driver().cuCtxSetCurrent(gpu.context), "cuCtxSetCurrent"); }
  /// The libraries' handles, bound to that stream.
  Launch on(CUstream stream);
  /// Call before a stream is destroyed, since another may get its address. This context must be current.
  void forget(CUstream stream);
  /// True if this GPU's streams can access memory of that GPU's pools.
  bool reaches(int ordinal) const { return peers[size_t(ordinal)]; }

  const Libraries& libraries;
  Gpu gpu;
  Modules modules;
  Choices choices;
  Pinned pinned;
  /// Any thread.
  CollectiveWaits waits;
  std::vector<bool> peers;  // by ordinal; itself included
  const uint64_t serial;    // never used twice

 private:
  void release() noexcept;
  cudnnHandle_t cudnn_ = nullptr;
  cublasLtHandle_t cublaslt_ = nullptr;
  CUstream bound_ = nullptr;
};

}  // namespace alexnode::cuda
