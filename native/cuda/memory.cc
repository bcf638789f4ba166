#include "cuda/memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cuda/errors.h"
#include "cuda/stream_state.h"

namespace alexnode::cuda {

namespace {
/// Freed bytes that a pool keeps, so that timing several algorithms does not map memory each time.
constexpr uint64_t kKept = uint64_t(256) << 20;
}  // namespace

Pool::Pool(std::shared_ptr<GpuContext> context, std::shared_ptr<Launcher> launcher)
    : gpu(std::move(context)), launcher_(std::move(launcher)) {
  const auto& d = gpu->driver();
  gpu->make_current();
  CUmemPoolProps props;
  props.location_id = gpu->gpu.ordinal;
  check(d, d.cuMemPoolCreate(&handle, &props), "cuMemPoolCreate");
  try {
    auto kept = kKept;
    check(d, d.cuMemPoolSetAttribute(handle, kPoolReleaseThreshold, &kept), "cuMemPoolSetAttribute");
    share();
    check(d, d.cuStreamCreateWithPriority(&filling_, kStreamNonBlocking, 0), "cuStreamCreateWithPriority");
    check(d, d.cuEventCreate(&filled_, kEventDisableTiming), "cuEventCreate");
    giving_back_ = std::make_shared<StreamState>(gpu, launcher_, false);
  } catch (...) {
    destroy();
    throw;
  }
  giving_back_waiter_ = StreamState::start_waiter(giving_back_, false);
  launcher_->pools.push_back(this);
}

/// Grants access to the GPUs that can have it.
void Pool::share() const {
  std::vector<CUmemAccessDesc> others;
  for (int i = 0; i < int(gpu->peers.size()); i++)
    if (i != gpu->gpu.ordinal && gpu->reaches(i)) others.push_back({.location_id = i});
  const auto& d = gpu->driver();
  if (!others.empty())
    check(d, d.cuMemPoolSetAccess(handle, others.data(), others.size()), "cuMemPoolSetAccess");
}

Pool::~Pool() {
  close();
  destroy();
}

void Pool::close() {
  if (!giving_back_) return;
  auto& pools = launcher_->pools;
  pools.erase(std::remove(pools.begin(), pools.end(), this), pools.end());
  giving_back_->finish(nullptr);
  giving_back_waiter_.join();
  giving_back_.reset();
  if (blocks_ == 0) destroy();
}

void Pool::destroy() noexcept {
  if (!handle) return;
  const auto& d = gpu->driver();
  d.cuCtxSetCurrent(gpu->gpu.context);
  if (filled_) d.cuEventDestroy_v2(filled_);
  if (filling_) d.cuStreamDestroy_v2(filling_);
  d.cuMemPoolDestroy(handle);
  handle = nullptr;
}

CUdeviceptr Pool::take(size_t bytes) {
  const auto& d = gpu->driver();
  CUdeviceptr at = 0;
  auto error = d.cuMemAllocFromPoolAsync(&at, bytes, handle, filling_);
  if (error == kOutOfMemory) {
    // Memory that is being freed may be enough.
    launcher_->flush();
    gpu->make_current();
    d.cuStreamSynchronize(giving_back_->stream);
    d.cuMemPoolTrimTo(handle, 0);
    error = d.cuMemAllocFromPoolAsync(&at, bytes, handle, filling_);
  }
  if (error == kOutOfMemory) {
    const auto now = info();
    throw OutOfMemory(text("[memory] cuda:", gpu->gpu.ordinal, " (", gpu->gpu.name, ") cannot give ", bytes,
                           " bytes: of ", now.total, ", ", now.available, " are free, and this device holds ",
                           now.live, ". Use a smaller batch or net, or close what is not needed"));
  }
  check(d, error, "cuMemAllocFromPoolAsync");
  try {
    check(d, d.cuMemsetD8Async(at, 0, bytes, filling_), "cuMemsetD8Async");
    check(d, d.cuEventRecord(filled_, filling_), "cuEventRecord");
  } catch (...) {
    d.cuMemFreeAsync(at, filling_);
    throw;
  }
  return at;
}

MemoryPtr Pool::allocate(size_t bytes, bool pinned) {
  refuse_when_lost();
  gpu->make_current();
  if (pinned) {
    auto* at = static_cast<std::byte*>(gpu->pinned.take(bytes));
    std::memset(at, 0, bytes);
    return std::make_shared<CudaMemory>(shared_from_this(), at, bytes, true);
  }
  auto memory = std::make_shared<CudaMemory>(shared_from_this(), reinterpret_cast<std::byte*>(take(bytes)),
                                             bytes, false);
  launcher_->push([&](Job& job) {
    job.work = [pool = shared_from_this()] {
      for (auto* stream : pool->launcher_->streams) {
        try {
          pool->after_filling(*stream);
        } catch (const std::exception& e) {
          // The stream might use memory that is not zero yet.
          stream->keep_failure(Failure(e));
        }
      }
      if (pool->giving_back_) pool->after_filling(*pool->giving_back_);
    };
  });
  return memory;
}

void Pool::after_filling(StreamState& stream) const {
  const auto& d = gpu->driver();
  stream.make_current();
  check(d, d.cuStreamWaitEvent(stream.stream, filled_, 0), "cuStreamWaitEvent");
}

MemoryInfo Pool::info() const {
  const auto& d = gpu->driver();
  size_t available = 0, total = gpu->gpu.memory;
  uint64_t reserved = 0;
  try {
    gpu->make_current();
    check(d, d.cuMemGetInfo_v2(&available, &total), "cuMemGetInfo");
    check(d, d.cuMemPoolGetAttribute(handle, kPoolReserved, &reserved), "cuMemPoolGetAttribute");
  } catch (const std::exception&) {
    // After a sticky error the driver cannot tell, but our own counts still hold.
    if (why_lost().empty()) throw;
    available = reserved = 0;
  }
  // Memory that the pool has reserved beyond its blocks is free, or is being freed.
  const auto own = std::max<int64_t>(0, int64_t(reserved) - count_->bytes);
  return {count_->bytes, count_->blocks, count_->peak, std::min(int64_t(total), int64_t(available) + own),
          int64_t(total)};
}

/// If the launcher ends first, the memory is freed when nothing runs any more.
struct Pool::Freeing {
  std::shared_ptr<Pool> pool;
  std::byte* data;
  bool pinned, done = false;
  void operator()() {
    done = true;
    if (pool->giving_back_)
      pool->free_in_order(data, pinned);
    else
      pool->free_now(data, pinned);
  }
  ~Freeing() {
    if (!done) pool->free_now(data, pinned);
  }
};

void Pool::give_back(std::byte* data, bool pinned) noexcept {
  auto freeing = std::shared_ptr<Freeing>(new Freeing{shared_from_this(), data, pinned});
  launcher_->push([&](Job& job) { job.work = [freeing] { (*freeing)(); }; });
}

void Pool::free_after(StreamState& stream) noexcept {
  if (!giving_back_ || giving_back_.get() == &stream) return;
  try {
    giving_back_->wait_for(stream);
  } catch (const std::exception&) {
    // Events no longer work, so wait here.
    gpu->driver().cuCtxSetCurrent(stream.gpu->gpu.context);
    gpu->driver().cuStreamSynchronize(stream.stream);
  }
}

/// All work that uses it was launched before.
void Pool::free_in_order(std::byte* data, bool pinned) noexcept {
  const auto& d = gpu->driver();
  auto& last = *giving_back_;
  for (auto* stream : launcher_->streams) free_after(*stream);
  d.cuCtxSetCurrent(gpu->gpu.context);
  if (!pinned) {
    d.cuMemFreeAsync(CUdeviceptr(data), last.stream);
    blocks_--;
    return;
  }
  try {
    last.free_later(data);
  } catch (const std::exception&) {
    d.cuStreamSynchronize(last.stream);
    gpu->pinned.give(data);
  }
}

/// Without a launcher, or after the device is closed, nothing runs any more.
void Pool::free_now(std::byte* data, bool pinned) noexcept {
  const auto& d = gpu->driver();
  d.cuCtxSetCurrent(gpu->gpu.context);
  if (pinned) return gpu->pinned.give(data);
  if (filling_) d.cuMemFreeAsync(CUdeviceptr(data), filling_);
  blocks_--;
}

CudaMemory::CudaMemory(std::shared_ptr<Pool> pool, std::byte* at, size_t size, bool pinned)
    : pool_(std::move(pool)) {
  data = at, bytes = size, host = pinned;
  auto& count = *pool_->count_;
  const auto live = count.bytes += int64_t(size);
  for (auto peak = count.peak.load(); live > peak && !count.peak.compare_exchange_weak(peak, live);) {
  }
  count.blocks++;
  if (!pinned) pool_->blocks_++;
}

CudaMemory::~CudaMemory() {
  pool_->count_->bytes -= int64_t(bytes);
  pool_->count_->blocks--;
  pool_->give_back(data, host);
}

}  // namespace alexnode::cuda
