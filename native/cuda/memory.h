// Slabs of a GPU's memory, and pinned memory of the host. What is given back goes when all that was launched
// before is done, without anyone waiting for it.
#pragma once
#include <thread>

#include "cuda/gpu.h"
#include "cuda/launcher.h"

namespace alexnode::cuda {

class StreamState;

/// The memory of one device: what CudaDevice and its blocks share.
class Pool {
 public:
  Pool(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher);
  ~Pool();
  /// Throws with what was asked for and what there is, when there is not enough.
  MemoryPtr allocate(const std::shared_ptr<Pool>& self, size_t bytes, bool pinned);
  MemoryInfo info() const;
  /// The launcher's thread: gives everything back, when all blocks are gone.
  void close();

  const std::shared_ptr<GpuContext> gpu;
  CUmemoryPool handle = nullptr;

 private:
  friend class CudaMemory;
  void give_back(std::byte* data, size_t bytes, bool pinned) noexcept;
  void free_in_order(std::byte* data, bool pinned) noexcept;
  void free_now(std::byte* data, bool pinned) noexcept;
  CUdeviceptr take(size_t bytes);
  std::shared_ptr<Launcher> launcher_;
  CUstream filling_ = nullptr;                // fresh memory is zeroed here
  std::shared_ptr<StreamState> giving_back_;  // memory is freed here, after all other streams
  std::thread giving_back_waiter_;
  std::shared_ptr<MemoryCount> count_ = std::make_shared<MemoryCount>();
  std::atomic<int64_t> pending_{0};  // bytes that are on their way back
};

class CudaMemory final : public Memory {
 public:
  CudaMemory(std::shared_ptr<Pool> pool, std::byte* at, size_t size, bool pinned);
  ~CudaMemory() override;
  const GpuContext& gpu() const { return *pool_->gpu; }

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace alexnode::cuda
