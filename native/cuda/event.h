// An event: a point in a stream of one GPU, for which streams of any GPU can wait.
#pragma once
#include "backend.h"
#include "cuda/gpu.h"

namespace alexnode::cuda {

class CudaProgram;

class CudaEvent final : public Event {
 public:
  explicit CudaEvent(std::shared_ptr<GpuContext> gpu) : gpu_(std::move(gpu)) {}
  ~CudaEvent() override;
  void record(const Launch& launch);
  void wait(const Launch& launch) const;

  // JavaScript's thread: where the event was recorded last, while a program is recorded.
  std::weak_ptr<const CudaProgram> program;
  size_t slot = 0;

 private:
  std::shared_ptr<GpuContext> gpu_;
  CUevent event_ = nullptr;
};

}  // namespace alexnode::cuda
