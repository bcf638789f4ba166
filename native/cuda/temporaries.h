// Streams and events that live for one capture of a program, or for one measured run of it.
#pragma once
#include <utility>
#include <vector>

#include "cuda/gpu.h"

namespace alexnode::cuda {

class Temporaries {
 public:
  explicit Temporaries(const Driver& driver) : d_(driver) {}
  ~Temporaries() {
    for (auto& [gpu, event] : events_) d_.cuCtxSetCurrent(gpu->gpu.context), d_.cuEventDestroy_v2(event);
    for (auto& [gpu, stream] : streams_) {
      gpu->forget(stream);
      d_.cuCtxSetCurrent(gpu->gpu.context), d_.cuStreamDestroy_v2(stream);
    }
  }
  CUstream stream(GpuContext& gpu, int priority) {
    CUstream s = nullptr;
    gpu.make_current();
    check(d_, d_.cuStreamCreateWithPriority(&s, kStreamNonBlocking, priority), "cuStreamCreateWithPriority");
    streams_.emplace_back(&gpu, s);
    return s;
  }
  /// An event in the current context, which is that of `gpu`.
  CUevent event(GpuContext& gpu, unsigned flags = kEventDisableTiming) {
    CUevent e = nullptr;
    check(d_, d_.cuEventCreate(&e, flags), "cuEventCreate");
    events_.emplace_back(&gpu, e);
    return e;
  }
  /// Makes `to` wait for the work that is on `from` now.
  void join(CUstream to, GpuContext& to_gpu, CUstream from, GpuContext& from_gpu) {
    from_gpu.make_current();
    const auto e = event(from_gpu);
    check(d_, d_.cuEventRecord(e, from), "cuEventRecord");
    to_gpu.make_current();
    check(d_, d_.cuStreamWaitEvent(to, e, 0), "cuStreamWaitEvent");
  }

 private:
  const Driver& d_;
  std::vector<std::pair<GpuContext*, CUstream>> streams_;
  std::vector<std::pair<GpuContext*, CUevent>> events_;
};

}  // namespace alexnode::cuda
