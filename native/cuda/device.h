// A GPU as a device: memory, streams, events and programs on it. Several devices may share one GPU.
#pragma once
#include "cuda/memory.h"

namespace alexnode::cuda {

class CudaProgram;

class CudaDevice final : public Device {
 public:
  /// On the launcher's thread, which may block.
  CudaDevice(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher, const Options& options);
  MemoryPtr allocate(size_t bytes, bool staging) override;
  MemoryInfo memory() const override { return pool_->info(); }
  StreamPtr stream(const StreamOptions& options) override;
  EventPtr event() override;
  void begin_record(const std::vector<StreamPtr>& streams) override;
  ProgramPtr end_record(const std::vector<StreamPtr>& streams, bool keep) override;
  bool recording() const override { return recording_ != nullptr; }
  void close(Ticket* ticket) override;

  const GpuContext& gpu() const { return *gpu_; }
  const std::shared_ptr<GpuContext>& shared_gpu() const { return gpu_; }
  const Options& options() const { return options_; }
  const std::shared_ptr<Pool>& pool() const { return pool_; }

 private:
  std::shared_ptr<GpuContext> gpu_;
  std::shared_ptr<Launcher> launcher_;
  Options options_;
  std::shared_ptr<Pool> pool_;
  std::shared_ptr<CudaProgram> recording_;
  std::vector<StreamPtr> recorded_;  // on which streams
};

}  // namespace alexnode::cuda
