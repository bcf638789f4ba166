// Blocks of a GPU's memory, and pinned host memory. Memory is freed in stream order: when all work launched
// before is done, without blocking the host.
#pragma once
#include <cstdint>
#include <thread>

#include "cuda/gpu.h"
#include "cuda/launcher.h"

namespace alexnode::cuda {

class StreamState;

/// The memory of one device, shared by CudaDevice and its blocks.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  /// On the launcher's thread.
  Pool(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher);
  ~Pool();
  /// On JavaScript's thread. If there is not enough, throws with the bytes requested and available.
  MemoryPtr allocate(size_t bytes, bool pinned);
  MemoryInfo info() const;

  // The launcher's thread.
  /// Memory freed from here on waits for the work that is on that stream now.
  void free_after(StreamState& stream) noexcept;
  /// Makes that stream wait until all memory allocated so far is zeroed.
  void after_filling(StreamState& stream) const;
  /// Waits for pending frees, and destroys the pool if no block is left.
  void close();

  const std::shared_ptr<GpuContext> gpu;
  CUmemoryPool handle = nullptr;

 private:
  friend class CudaMemory;
  struct Freeing;
  void give_back(std::byte* data, bool pinned) noexcept;
  void free_in_order(std::byte* data, bool pinned) noexcept;
  void free_now(std::byte* data, bool pinned) noexcept;
  void share() const;
  void destroy() noexcept;
  CUdeviceptr take(size_t bytes);
  std::shared_ptr<Launcher> launcher_;
  CUstream filling_ = nullptr;  // new memory is allocated and zeroed on it
  CUevent filled_ = nullptr;
  std::shared_ptr<StreamState> giving_back_;  // memory is freed on it, after the work of all other streams
  std::thread giving_back_waiter_;
  std::shared_ptr<MemoryCount> count_ = std::make_shared<MemoryCount>();
  std::atomic<int64_t> blocks_{0};  // of the GPU's memory, not yet freed
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
