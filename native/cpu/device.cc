#include "cpu/device.h"

#include "cpu/event.h"
#include "cpu/memory.h"
#include "cpu/program.h"

namespace alexnode::cpu {

MemoryPtr CpuDevice::allocate(size_t bytes, bool) {
  auto memory = allocate_host(bytes, count_);
  memory->device = this;
  return memory;
}

MemoryInfo CpuDevice::memory() const {
  return {count_->bytes, count_->blocks, count_->peak, available_memory(), total_memory()};
}

StreamPtr CpuDevice::stream(const StreamOptions& options) {
  return std::make_shared<CpuStream>(mailbox_, options.threads, this);
}
EventPtr CpuDevice::event() { return std::make_shared<CpuEvent>(); }

void CpuDevice::begin_record(const std::vector<StreamPtr>& streams) {
  if (recording_) fail("[record] a program is being recorded on this device already");
  check_to_record(streams);
  auto program = std::make_shared<CpuProgram>();
  for (auto& s : streams) {
    auto stream = std::dynamic_pointer_cast<CpuStream>(s);
    if (!stream) fail("[record] expected streams of CPUs, got one of a GPU");
    program->segments.push_back({std::move(stream), {}});
  }
  recording_ = std::move(program);
  for (auto& s : recording_->segments) s.stream->begin_record(recording_.get());
}

ProgramPtr CpuDevice::end_record(const std::vector<StreamPtr>& streams, bool keep) {
  std::vector<const Stream*> recorded;
  if (recording_)
    for (auto& s : recording_->segments) recorded.push_back(s.stream.get());
  check_recorded(streams, recorded);
  const auto program = std::exchange(recording_, nullptr);
  for (auto& s : program->segments) s.stream->end_record();
  return keep ? program : nullptr;
}

}  // namespace alexnode::cpu
