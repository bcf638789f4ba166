#include "cuda/device.h"

#include "cuda/errors.h"
#include "cuda/event.h"
#include "cuda/program.h"
#include "cuda/stream.h"

namespace alexnode::cuda {

CudaDevice::CudaDevice(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher,
                       const Options& options)
    : gpu_(std::move(gpu)),
      launcher_(std::move(launcher)),
      options_(options),
      pool_(std::make_shared<Pool>(gpu_, launcher_)) {}

MemoryPtr CudaDevice::allocate(size_t bytes, bool staging) {
  auto memory = pool_->allocate(bytes, staging);
  memory->device = this;
  return memory;
}

StreamPtr CudaDevice::stream(const StreamOptions& options) {
  refuse_when_lost();
  return std::make_shared<CudaStream>(this, std::make_shared<StreamState>(gpu_, launcher_, options.high));
}

EventPtr CudaDevice::event() { return std::make_shared<CudaEvent>(gpu_); }

void CudaDevice::begin_record(const std::vector<StreamPtr>& streams) {
  if (recording_) fail("[record] a program is being recorded on this device already");
  check_to_record(streams);
  std::vector<std::shared_ptr<StreamState>> states;
  for (auto& s : streams) {
    const auto stream = std::dynamic_pointer_cast<CudaStream>(s);
    if (!stream) fail("[record] expected streams of GPUs, got one of a CPU");
    states.push_back(stream->state());
  }
  recording_ = std::make_shared<CudaProgram>(std::move(states));
  recorded_ = streams;
  for (auto& s : streams) static_cast<CudaStream&>(*s).begin_record(recording_.get());
}

ProgramPtr CudaDevice::end_record(const std::vector<StreamPtr>& streams, bool keep) {
  std::vector<const Stream*> recorded;
  for (auto& s : recorded_) recorded.push_back(s.get());
  check_recorded(streams, recorded);
  for (auto& s : recorded_) static_cast<CudaStream&>(*s).end_record();
  recorded_.clear();
  auto program = std::exchange(recording_, nullptr);
  return keep ? program : nullptr;
}

void CudaDevice::close(Ticket* ticket) {
  // This owns the GPU if no other device is open on it.
  auto end = [pool = std::exchange(pool_, nullptr), gpu = std::exchange(gpu_, nullptr),
              mailbox = launcher_->mailbox, ticket]() mutable {
    pool->close();
    pool.reset(), gpu.reset();
    mailbox->settle(ticket);
  };
  const bool queued = launcher_->push([&](Job& job) {
    // Jobs before this one may own memory, whose freeing is then queued behind it.
    job.work = [launcher = launcher_.get(), end = std::move(end)]() mutable {
      launcher->push([&](Job& last) { last.work = std::move(end); });
    };
  });
  if (!queued) launcher_->mailbox->settle(ticket);
}

}  // namespace alexnode::cuda
