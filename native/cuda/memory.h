// Slabs of a GPU's memory, and pinned memory of the host. What is given back goes when all that was launched
// before is done, without anyone waiting for it.
#pragma once
#include <cstdint>
#include <thread>

#include "cuda/gpu.h"
#include "cuda/launcher.h"

namespace alexnode::cuda {

class StreamState;

/// The memory of one device: what CudaDevice and its blocks share.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  /// On the launcher's thread.
  Pool(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher);
  ~Pool();
  /// JavaScript's thread. Throws with what was asked for and what there is, when there is not enough.
  MemoryPtr allocate(size_t bytes, bool pinned);
  MemoryInfo info() const;

  // The launcher's thread.
  /// What is given back from here on waits for what runs on that stream now.
  void free_after(StreamState& stream) noexcept;
  /// That stream goes on when the memory that was taken so far is zero.
  void after_filling(StreamState& stream) const;
  /// Gives everything back that nobody holds any more.
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
  CUstream filling_ = nullptr;  // fresh memory is taken and zeroed here
  CUevent filled_ = nullptr;
  std::shared_ptr<StreamState> giving_back_;  // memory is freed here, after all other streams
  std::thread giving_back_waiter_;
  std::shared_ptr<MemoryCount> count_ = std::make_shared<MemoryCount>();
  std::atomic<int64_t> blocks_{0};  // of the GPU's memory, that are not freed
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
