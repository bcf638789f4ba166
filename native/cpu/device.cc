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
  recording_ = std::make_shared<CpuProgram>();
  for (auto& s : streams) {
    auto stream = std::static_pointer_cast<CpuStream>(s);
    recording_->segments.push_back({stream, {}});
    stream->begin_record(recording_.get());
  }
}

ProgramPtr CpuDevice::end_record(const std::vector<StreamPtr>& streams, bool keep) {
  for (auto& s : streams) std::static_pointer_cast<CpuStream>(s)->end_record();
  auto program = std::move(recording_);
  recording_.reset();
  return keep ? program : nullptr;
}

}  // namespace alexnode::cpu
