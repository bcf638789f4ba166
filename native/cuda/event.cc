#include "cuda/event.h"

namespace alexnode::cuda {

CudaEvent::~CudaEvent() {
  if (!event_) return;
  gpu_->driver().cuCtxSetCurrent(gpu_->gpu.context);
  gpu_->driver().cuEventDestroy_v2(event_);
}

void CudaEvent::record(const Launch& launch) {
  const auto& d = gpu_->driver();
  if (launch.gpu.ordinal != gpu_->gpu.ordinal)
    fail("[event] was made on cuda:", gpu_->gpu.ordinal, ", and a stream of cuda:", launch.gpu.ordinal,
         " records it: make it with that device. Streams of any device can wait for it");
  if (!event_) check(d, d.cuEventCreate(&event_, kEventDisableTiming), "cuEventCreate");
  check(d, d.cuEventRecord(event_, launch.stream), "cuEventRecord");
}

void CudaEvent::wait(const Launch& launch) const {
  const auto& d = gpu_->driver();
  if (event_) check(d, d.cuStreamWaitEvent(launch.stream, event_, 0), "cuStreamWaitEvent");
}

}  // namespace alexnode::cuda
