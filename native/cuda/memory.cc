#include "cuda/memory.h"

#include <cstring>

#include "cuda/errors.h"
#include "cuda/stream.h"

namespace alexnode::cuda {

Pool::Pool(std::shared_ptr<GpuContext> context, std::shared_ptr<Launcher> launcher)
    : gpu(std::move(context)), launcher_(std::move(launcher)) {
  const auto& d = gpu->driver();
  gpu->make_current();
  CUmemPoolProps props;
  props.location_id = gpu->gpu.ordinal;
  check(d, d.cuMemPoolCreate(&handle, &props), "cuMemPoolCreate");
  try {
    check(d, d.cuStreamCreateWithPriority(&filling_, kStreamNonBlocking, 0), "cuStreamCreateWithPriority");
    giving_back_ = std::make_shared<StreamState>(gpu, launcher_, false);
  } catch (...) {
    if (filling_) d.cuStreamDestroy_v2(filling_);
    d.cuMemPoolDestroy(handle);
    throw;
  }
  giving_back_waiter_ = StreamState::start_waiter(giving_back_, false);
}

Pool::~Pool() { close(); }

void Pool::close() {
  if (!handle) return;
  const auto& d = gpu->driver();
  d.cuCtxSetCurrent(gpu->gpu.context);
  giving_back_->finish(nullptr);
  giving_back_waiter_.join();
  giving_back_.reset();
  d.cuCtxSetCurrent(gpu->gpu.context);
  d.cuStreamDestroy_v2(filling_);
  d.cuMemPoolDestroy(handle);
  handle = nullptr, filling_ = nullptr;
}

CUdeviceptr Pool::take(size_t bytes) {
  const auto& d = gpu->driver();
  CUdeviceptr at = 0;
  auto error = d.cuMemAllocFromPoolAsync(&at, bytes, handle, filling_);
  if (error == kOutOfMemory && pending_ > 0) {
    // What is on its way back may be enough.
    launcher_->flush();
    gpu->make_current();
    d.cuStreamSynchronize(giving_back_->stream);
    d.cuMemPoolTrimTo(handle, 0);
    error = d.cuMemAllocFromPoolAsync(&at, bytes, handle, filling_);
  }
  if (error == kOutOfMemory) {
    const auto now = info();
    fail("[memory] cuda:", gpu->gpu.ordinal, " (", gpu->gpu.name, ") cannot give ", bytes, " bytes: of ",
         now.total, ", ", now.available, " are free, and this device holds ", now.live,
         ". Use a smaller batch or net, or close what is not needed");
  }
  check(d, error, "cuMemAllocFromPoolAsync");
  try {
    check(d, d.cuMemsetD8Async(at, 0, bytes, filling_), "cuMemsetD8Async");
    check(d, d.cuStreamSynchronize(filling_), "cuStreamSynchronize");
  } catch (...) {
    d.cuMemFreeAsync(at, filling_);
    throw;
  }
  return at;
}

MemoryPtr Pool::allocate(const std::shared_ptr<Pool>& self, size_t bytes, bool pinned) {
  refuse_when_lost();
  gpu->make_current();
  const auto& d = gpu->driver();
  if (!pinned)
    return std::make_shared<CudaMemory>(self, reinterpret_cast<std::byte*>(take(bytes)), bytes, false);
  void* at = nullptr;
  check(d, d.cuMemHostAlloc(&at, bytes, kHostPortable), "cuMemHostAlloc");
  std::memset(at, 0, bytes);
  return std::make_shared<CudaMemory>(self, static_cast<std::byte*>(at), bytes, true);
}

MemoryInfo Pool::info() const {
  const auto& d = gpu->driver();
  size_t available = 0, total = gpu->gpu.memory;
  // After an error that stays nobody can tell; what is counted here still holds.
  if (!d.cuCtxSetCurrent(gpu->gpu.context) && d.cuMemGetInfo_v2(&available, &total)) available = 0;
  return {count_->bytes, count_->blocks, count_->peak,
          std::min(int64_t(total), int64_t(available) + pending_.load()), int64_t(total)};
}

void Pool::give_back(std::byte* data, size_t bytes, bool pinned) noexcept {
  pending_ += pinned ? 0 : int64_t(bytes);
  const auto freed = [self = this, data, bytes, pinned] {
    self->free_in_order(data, pinned);
    self->pending_ -= pinned ? 0 : int64_t(bytes);
  };
  const bool queued = handle && launcher_->push([&](Job& job) { job.work = freed; });
  if (!queued) free_now(data, pinned);
}

/// Whoever still uses it was launched before.
void Pool::free_in_order(std::byte* data, bool pinned) noexcept {
  const auto& d = gpu->driver();
  auto& last = *giving_back_;
  try {
    for (auto* stream : launcher_->streams) last.wait_for(*stream);
    last.make_current();
    if (pinned) return last.free_later(data);
  } catch (const std::exception&) {
    // Events do not serve any more: what was launched is waited for here.
    for (auto* stream : launcher_->streams) {
      d.cuCtxSetCurrent(stream->gpu->gpu.context);
      d.cuStreamSynchronize(stream->stream);
    }
    d.cuCtxSetCurrent(gpu->gpu.context);
    d.cuStreamSynchronize(last.stream);
    if (pinned) d.cuMemFreeHost(data);
  }
  if (!pinned) d.cuMemFreeAsync(CUdeviceptr(data), last.stream);
}

/// Where no launcher is left, nothing runs any more.
void Pool::free_now(std::byte* data, bool pinned) noexcept {
  const auto& d = gpu->driver();
  d.cuCtxSetCurrent(gpu->gpu.context);
  if (pinned)
    d.cuMemFreeHost(data);
  else if (filling_)  // else it went with the pool
    d.cuMemFreeAsync(CUdeviceptr(data), filling_);
}

CudaMemory::CudaMemory(std::shared_ptr<Pool> pool, std::byte* at, size_t size, bool pinned)
    : pool_(std::move(pool)) {
  data = at, bytes = size, host = pinned;
  auto& count = *pool_->count_;
  const auto live = count.bytes += int64_t(size);
  for (auto peak = count.peak.load(); live > peak && !count.peak.compare_exchange_weak(peak, live);) {
  }
  count.blocks++;
}

CudaMemory::~CudaMemory() {
  pool_->count_->bytes -= int64_t(bytes);
  pool_->count_->blocks--;
  pool_->give_back(data, bytes, host);
}

}  // namespace alexnode::cuda
