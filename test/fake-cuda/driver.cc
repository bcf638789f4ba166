// A double of the CUDA driver: devices, contexts, errors. -DCUDA=13000 is the newest CUDA that it supports.
// ALEXNODE_FAKE_CUDA sets: devices, memory (bytes each), multiprocessors, compute (90 is 9.0), peers (0: no
// access between devices), version (in place of -DCUDA), pinned (bytes), no_fatbin (1: no embedded code
// fits), lazy (1: that shows only where a kernel is asked for), eager (1: work runs at once).
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "objects.h"
#include "queues.h"
#include "touch.h"

namespace fake {

thread_local CUcontext current_context = nullptr;

State& State::get() {
  static State& state = *new State;  // outlives every other destructor
  return state;
}

Device* State::device(int handle) {
  const int ordinal = handle - kFirstDevice;
  return ordinal >= 0 && size_t(ordinal) < devices.size() ? devices[size_t(ordinal)].get() : nullptr;
}

int wrong(int error, const std::string& words) {
  fake_misuse((words + " (error " + std::to_string(error) + ")").c_str());
  return error;
}

int enter(const char* name) {
  auto& control = Control::get();
  const int error = control.call(name);
  if (Control::stays(error)) control.make_sticky(error);
  if (error) return error;
  if (!State::get().initialised) return wrong(kNotInitialized, std::string(name) + " before cuInit");
  return control.sticky();
}

std::shared_ptr<Context> current(int& error) {
  const auto found = State::get().contexts.peek(current_context);
  error = current_context ? kContextIsDestroyed : kInvalidContext;
  return found;
}

namespace {

/// Objects that the user did not destroy go with the context, and are reported.
void destroy(const std::shared_ptr<Context>& context) {
  auto& state = State::get();
  finish(context);
  const auto of_context = [&](const auto& object) { return object.context == context; };
  state.functions.drop(of_context);
  size_t left =
      state.streams.drop(of_context) + state.events.drop(of_context) + state.modules.drop(of_context);
  const size_t pinned = state.pinned.size();
  std::erase_if(state.pinned, [&](const auto& entry) { return entry.second->context == context; });
  left += pinned - state.pinned.size();
  context->gone = true;
  if (!left) return;
  Control::get().count("leaked", int64_t(left));
  std::fprintf(stderr, "fake CUDA: a context was released with %zu things that live\n", left);
}

struct Name {
  int error;
  const char *name, *words;
};
constexpr Name kNames[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED", "peer access is not supported between these two devices"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the same stream as it began"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency created on uncaptured work in another stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {908, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
     "attempt to terminate a thread-local capture sequence from "
     "another thread"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};
const Name* name_of(int error) {
  for (const auto& entry : kNames)
    if (entry.error == error) return &entry;
  return nullptr;
}

}  // namespace

extern "C" {

int cuInit(unsigned flags) {
  auto& state = State::get();
  const std::lock_guard lock(state.mutex);
  if (const int error = fake_call("cuInit")) return error;
  if (flags) return wrong(kInvalidValue, "cuInit: flags");
  const auto count = fake_setting("devices", 1);
  if (count == 0) return kNoDevice;
  if (!state.initialised) {
    watch_memory();
    for (int i = 0; i < count; ++i) {
      state.devices.push_back(std::make_unique<Device>());
      state.devices.back()->ordinal = i;
    }
  }
  state.initialised = true;
  return 0;
}

int cuDriverGetVersion(int* version) {
  if (const int error = fake_call("cuDriverGetVersion")) return error;
  *version = int(fake_setting("version", CUDA));
  return 0;
}

int cuGetErrorName(int error, const char** name) {
  const auto* found = name_of(error);
  *name = found ? found->name : nullptr;
  return found ? 0 : kInvalidValue;
}

int cuGetErrorString(int error, const char** words) {
  const auto* found = name_of(error);
  *words = found ? found->words : nullptr;
  return found ? 0 : kInvalidValue;
}

int cuDeviceGetCount(int* count) {
  FAKE_ENTER(cuDeviceGetCount);
  *count = int(State::get().devices.size());
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  FAKE_ENTER(cuDeviceGet);
  *device = kFirstDevice + ordinal;
  return State::get().device(*device) ? 0 : wrong(kInvalidDevice, call);
}

int cuDeviceGetName(char* name, int length, int device) {
  FAKE_ENTER(cuDeviceGetName);
  if (!State::get().device(device)) return wrong(kInvalidDevice, call);
  std::snprintf(name, size_t(length), "Fake GPU");
  return 0;
}

int cuDeviceGetUuid_v2(void* uuid, int device) {
  FAKE_ENTER(cuDeviceGetUuid_v2);
  if (!State::get().device(device)) return wrong(kInvalidDevice, call);
  std::snprintf(static_cast<char*>(uuid), 16, "fake GPU %d", device - kFirstDevice);
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  FAKE_ENTER(cuDeviceGetAttribute);
  if (!State::get().device(device)) return wrong(kInvalidDevice, call);
  const int compute = int(fake_setting("compute", 90));
  const std::map<int, int> known = {
      {1, 1024},      // threads per block
      {8, 48 << 10},  // shared memory per block
      {10, 32},       // warp
      {16, int(fake_setting("multiprocessors", 4))},
      {38, 4 << 20},  // L2
      {39, 2048},     // threads per multiprocessor
      {75, compute / 10},
      {76, compute % 10},
      {115, int(fake_setting("memory_pools", 1))},
  };
  const auto found = known.find(attribute);
  if (found == known.end()) return wrong(kInvalidValue, "cuDeviceGetAttribute: " + std::to_string(attribute));
  *value = found->second;
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int device) {
  FAKE_ENTER(cuDeviceTotalMem_v2);
  if (!State::get().device(device)) return wrong(kInvalidDevice, call);
  *bytes = size_t(fake_setting("memory", 80ll << 30));
  return 0;
}

int cuDeviceCanAccessPeer(int* can, int device, int peer) {
  FAKE_ENTER(cuDeviceCanAccessPeer);
  auto& state = State::get();
  if (!state.device(device) || !state.device(peer)) return wrong(kInvalidDevice, call);
  *can = device != peer && fake_setting("peers", 1);
  return 0;
}

int cuDevicePrimaryCtxRetain(CUcontext* context, int device) {
  FAKE_ENTER(cuDevicePrimaryCtxRetain);
  auto& state = State::get();
  auto* of = state.device(device);
  if (!of) return wrong(kInvalidDevice, call);
  auto& handle = state.primary[device];
  if (!handle) {
    auto made = std::make_shared<Context>();
    made->device = of;
    handle = state.contexts.add(made);
  }
  ++state.contexts.peek(handle)->retained;
  *context = handle;
  return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  FAKE_GIVE_BACK(cuDevicePrimaryCtxRelease_v2);
  auto& state = State::get();
  const auto context = state.contexts.peek(state.primary[device]);
  if (!context) return wrong(kInvalidContext, "cuDevicePrimaryCtxRelease_v2: not retained");
  if (--context->retained == 0) {
    destroy(context);
    state.contexts.take(state.primary[device], call);
    state.primary.erase(device);
  }
  return failed;
}

int cuCtxSetCurrent(CUcontext context) {
  FAKE_ENTER(cuCtxSetCurrent);
  if (context && !State::get().contexts.find(context, call)) return kInvalidContext;
  current_context = context;
  return 0;
}

int cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  FAKE_ENTER_CONTEXT(cuCtxGetStreamPriorityRange);
  *least = kLeastPriority;
  *greatest = kGreatestPriority;
  return 0;
}

}  // extern "C"

}  // namespace fake
