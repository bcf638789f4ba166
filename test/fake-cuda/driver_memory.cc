// The driver's double: pools and their memory, pinned memory, and copies.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "captures.h"
#include "objects.h"
#include "queues.h"

namespace fake {

Pinned::~Pinned() {
  fake_live("pinned", -1);
  fake_live("pinned bytes", -long(bytes));
  std::memset(memory, 0xff, bytes);
  std::free(memory);
}

namespace {

constexpr size_t kRounding = 512;

size_t rounded(size_t bytes) { return (bytes + kRounding - 1) / kRounding * kRounding; }

struct FreeWork final : HostWork {
  FreeWork(CUdeviceptr address, Allocation allocation)
      : address(address), allocation(std::move(allocation)) {}
  void run() override {
    auto& pool = *allocation.pool;
    pool.device->arena.release(address);
    pool.used -= rounded(allocation.bytes);
  }
  CUdeviceptr address;
  Allocation allocation;
};

bool fits(const Pool& pool, size_t bytes) {
  const size_t idle = pool.reserved - pool.used, more = bytes > idle ? bytes - idle : 0;
  return pool.device->reserved + more <= size_t(fake_setting("memory", 80ll << 30));
}

bool is_device(CUdeviceptr address, size_t bytes) {
  const auto& allocations = State::get().allocations;
  auto next = allocations.upper_bound(address);
  if (next == allocations.begin()) return false;
  const auto& [start, allocation] = *--next;
  return address - start <= allocation.bytes && bytes <= allocation.bytes - (address - start);
}

/// The pinned block that these bytes lie in.
std::shared_ptr<Pinned> pinned_at(const void* address, size_t bytes) {
  const auto& pinned = State::get().pinned;
  const auto at = reinterpret_cast<uintptr_t>(address);
  auto next = pinned.upper_bound(at);
  if (next == pinned.begin()) return nullptr;
  const auto& [start, block] = *--next;
  return at - start < block->bytes && bytes <= block->bytes - (at - start) ? block : nullptr;
}

struct Copy final : CopyWork {
  void* to;
  const void* from;
  size_t bytes;
  std::vector<unsigned char> staged;  // a copy of memory that is not pinned
  bool pinned = false;
  std::weak_ptr<Pinned> block;
  void run() override {
    if (pinned && block.expired()) {
      fake_misuse("pinned memory was freed before the copy that uses it");
      return Control::get().make_sticky(700);
    }
    std::memcpy(to, staged.empty() ? from : staged.data(), bytes);
  }
};

/// The stream that a call names, if it may be used.
std::shared_ptr<Stream> use(CUstream handle, const char* call, int& error) {
  auto stream = State::get().streams.find(handle, call);
  error = !stream ? kInvalidHandle : may_capture(stream);
  return error ? nullptr : stream;
}

void* pointer(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

int copy_on(CUstream handle, const char* call, void* to, const void* from, size_t bytes, const void* host) {
  int error = 0;
  const auto stream = use(handle, call, error);
  if (!stream) return error;
  for (const void* side : {static_cast<const void*>(to), from})
    if (side != host && !is_device(reinterpret_cast<CUdeviceptr>(side), bytes))
      return wrong(kInvalidValue, std::string(call) + ": not within device memory");
  auto copy = std::make_shared<Copy>();
  copy->to = to;
  copy->from = from;
  copy->bytes = bytes;
  bool wait = false;
  if (host && bytes) {
    copy->block = pinned_at(host, bytes);
    copy->pinned = !copy->block.expired();
    if (!copy->pinned && stream->capture) {
      stream->capture->broken = true;
      return wrong(kCaptureUnsupported, std::string(call) + ": memory that is not pinned, under capture");
    }
    // From ordinary memory the driver copies at once; to it, it waits for the stream.
    const auto* first = static_cast<const unsigned char*>(host);
    if (!copy->pinned && host == from) copy->staged.assign(first, first + bytes);
    wait = !copy->pinned && host == to;
  }
  enqueue(stream, std::move(copy));
  return wait ? finish(stream) : 0;
}

}  // namespace

extern "C" {

int cuMemGetInfo_v2(size_t* available, size_t* total) {
  FAKE_ENTER_CONTEXT(cuMemGetInfo_v2);
  *total = size_t(fake_setting("memory", 80ll << 30));
  *available = *total - std::min(*total, context->device->reserved);
  return 0;
}

int cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* props) {
  FAKE_ENTER(cuMemPoolCreate);
  if (const int error = unsafe_under_capture(call)) return error;
  auto& state = State::get();
  auto* device = state.device(kFirstDevice + props->location_id);
  if (!device || props->alloc_type != 1 || props->handle_types || props->location_type != 1)
    return wrong(kInvalidValue, call);
  auto made = std::make_shared<Pool>();
  made->device = device;
  made->id = state.pools_by_id.empty() ? 0 : state.pools_by_id.rbegin()->first + 1;
  made->open_to = {device->ordinal};
  state.pools_by_id[made->id] = made;
  *pool = state.pools.add(made);
  return 0;
}

int cuMemPoolDestroy(CUmemoryPool pool) {
  FAKE_GIVE_BACK(cuMemPoolDestroy);
  const auto gone = State::get().pools.take(pool, call);
  if (!gone) return kInvalidHandle;
  return failed;
}

int cuMemPoolTrimTo(CUmemoryPool pool, size_t keep) {
  FAKE_ENTER(cuMemPoolTrimTo);
  const auto found = State::get().pools.find(pool, call);
  if (!found) return kInvalidHandle;
  found->trim(keep);
  return 0;
}

int cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void* value) {
  FAKE_ENTER(cuMemPoolSetAttribute);
  const auto found = State::get().pools.find(pool, call);
  if (!found) return kInvalidHandle;
  if (attribute != kPoolReleaseThreshold) return wrong(kInvalidValue, "cuMemPoolSetAttribute: the attribute");
  found->keep = *static_cast<const uint64_t*>(value);
  return 0;
}

int cuMemPoolGetAttribute(CUmemoryPool pool, int attribute, void* value) {
  FAKE_ENTER(cuMemPoolGetAttribute);
  const auto found = State::get().pools.find(pool, call);
  if (!found) return kInvalidHandle;
  if (attribute != kPoolReserved) return wrong(kInvalidValue, "cuMemPoolGetAttribute: the attribute");
  *static_cast<uint64_t*>(value) = found->reserved;
  return 0;
}

int cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* access, size_t count) {
  FAKE_ENTER(cuMemPoolSetAccess);
  auto& state = State::get();
  const auto found = state.pools.find(pool, call);
  if (!found) return kInvalidHandle;
  for (size_t i = 0; i < count; ++i) {
    const int ordinal = access[i].location_id;
    const bool own = ordinal == found->device->ordinal;
    if (!state.device(kFirstDevice + ordinal) || (!own && !fake_setting("peers", 1)))
      return wrong(kInvalidDevice, call);
    if (access[i].flags)
      found->open_to.insert(ordinal);
    else if (!own)
      found->open_to.erase(ordinal);
  }
  return 0;
}

int cuMemAllocFromPoolAsync(CUdeviceptr* address, size_t bytes, CUmemoryPool pool, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemAllocFromPoolAsync);
  auto& state = State::get();
  const auto found = state.pools.find(pool, call);
  const auto on = state.streams.find(stream, call);
  if (!found || !on) return kInvalidHandle;
  if (const int error = not_under_capture(on, call)) return error;
  if (!bytes) return wrong(kInvalidValue, "cuMemAllocFromPoolAsync: 0 bytes");
  const size_t size = rounded(bytes);
  if (!fits(*found, size)) {
    // Wait for memory that is being freed.
    for (const auto& [handle, other] : state.contexts.all())
      if (other->device == found->device)
        if (const int error = finish(other)) return error;
    if (!fits(*found, size)) return kOutOfMemory;
  }
  *address = found->device->arena.allocate(bytes, found->id);
  if (!*address) return kOutOfMemory;
  found->used += size;
  if (found->used > found->reserved) {
    found->device->reserved += found->used - found->reserved;
    found->reserved = found->used;
  }
  state.allocations[*address] = {found, bytes};
  fake_live("allocations", 1);
  fake_live("bytes", long(bytes));
  return 0;
}

int cuMemFreeAsync(CUdeviceptr address, CUstream stream) {
  FAKE_GIVE_BACK(cuMemFreeAsync);
  auto& state = State::get();
  const auto found = state.allocations.find(address);
  if (found == state.allocations.end())
    return wrong(kInvalidValue, "cuMemFreeAsync: not an allocation that lives");
  const auto on = state.streams.find(stream, call);
  if (!on) return kInvalidHandle;
  if (const int error = not_under_capture(on, call)) return error;
  fake_live("allocations", -1);
  fake_live("bytes", -long(found->second.bytes));
  enqueue(on, std::make_shared<FreeWork>(address, std::move(found->second)));
  state.allocations.erase(found);
  return failed;
}

int cuMemHostAlloc(void** memory, size_t bytes, unsigned flags) {
  FAKE_ENTER_CONTEXT(cuMemHostAlloc);
  if (const int error = unsafe_under_capture(call)) return error;
  if (!bytes || flags > 7) return wrong(kInvalidValue, call);
  auto& state = State::get();
  size_t held = 0;
  for (const auto& [at, block] : state.pinned) held += block->bytes;
  if (held + bytes > size_t(fake_setting("pinned", 64ll << 30))) return kOutOfMemory;
  if (posix_memalign(memory, 4096, bytes)) return kOutOfMemory;
  std::memset(*memory, 0xff, bytes);
  auto block = std::make_shared<Pinned>();
  block->context = context;
  block->memory = *memory;
  block->bytes = bytes;
  fake_live("pinned", 1);
  fake_live("pinned bytes", long(bytes));
  state.pinned[reinterpret_cast<uintptr_t>(*memory)] = std::move(block);
  return 0;
}

int cuMemFreeHost(void* memory) {
  FAKE_GIVE_BACK(cuMemFreeHost);
  if (const int error = unsafe_under_capture(call)) return error;
  if (!State::get().pinned.erase(reinterpret_cast<uintptr_t>(memory)))
    return wrong(kInvalidValue, "cuMemFreeHost: not pinned memory that lives");
  return failed;
}

int cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemsetD8Async);
  int error = 0;
  const auto on = use(stream, call, error);
  if (!on) return error;
  if (!is_device(to, count)) return wrong(kInvalidValue, "cuMemsetD8Async: not within device memory");
  enqueue(on, fake_work([=] { std::memset(pointer(to), value, count); }));
  return 0;
}

int cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemcpyHtoDAsync_v2);
  return copy_on(stream, call, pointer(to), from, bytes, from);
}

int cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemcpyDtoHAsync_v2);
  return copy_on(stream, call, to, pointer(from), bytes, to);
}

int cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemcpyDtoDAsync_v2);
  return copy_on(stream, call, pointer(to), pointer(from), bytes, nullptr);
}

int cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                      size_t bytes, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuMemcpyPeerAsync);
  auto& contexts = State::get().contexts;
  if (!contexts.find(to_context, call) || !contexts.find(from_context, call)) return kInvalidContext;
  return copy_on(stream, call, pointer(to), pointer(from), bytes, nullptr);
}

}  // extern "C"

}  // namespace fake

#pragma GCC visibility push(default)
extern "C" bool fake_is_device(const void* address, size_t bytes) {
  const std::lock_guard lock(fake::State::get().mutex);
  return fake::is_device(reinterpret_cast<uint64_t>(address), bytes);
}
#pragma GCC visibility pop
