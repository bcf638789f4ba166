// Uses the driver's double directly, correctly and wrongly, as fake-cuda.test.ts asks. Prints what happens.
#include <dlfcn.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "cuda/api/driver.h"
#include "probe.h"

using namespace alexnode::cuda;

namespace {

Driver d;
CUcontext context;
CUmemoryPool pool;
CUmodule module;
constexpr int kCount = 1000;

void must(int error, const char* what) {
  if (!error) return;
  std::printf("%s gives %d\n", what, error);
  std::exit(1);
}
#define MUST(call) must(d.call, #call)

CUstream stream() {
  CUstream made;
  MUST(cuStreamCreateWithPriority(&made, kStreamNonBlocking, 0));
  return made;
}
CUevent event(unsigned flags = 0) {
  CUevent made;
  MUST(cuEventCreate(&made, flags));
  return made;
}
float* take(CUstream on, size_t count = kCount) {
  CUdeviceptr at;
  MUST(cuMemAllocFromPoolAsync(&at, count * 4, pool, on));
  return reinterpret_cast<float*>(at);
}
void give(float* at, CUstream on) { MUST(cuMemFreeAsync(CUdeviceptr(at), on)); }
float* pinned(size_t count = kCount) {
  void* at;
  MUST(cuMemHostAlloc(&at, count * 4, kHostPortable));
  return static_cast<float*>(at);
}
CUfunction kernel(const char* name) {
  CUfunction found;
  MUST(cuModuleGetFunction(&found, module, name));
  return found;
}
/// y += x · factor
int scale(CUstream on, float* y, const float* x, float factor) {
  ProbeScale params{y, x, factor, kCount};
  void* parameters[] = {&params};
  const int error =
      d.cuLaunchKernel(kernel("probe_scale_f32"), 4, 1, 1, 64, 1, 1, 0, on, parameters, nullptr);
  params = {};  // it was copied
  return error;
}
void fill(CUstream on, float* to, float value) {
  static const std::vector<float> zeros(kCount);
  std::vector<float> values(kCount, value);
  MUST(cuMemcpyHtoDAsync_v2(CUdeviceptr(to), values.data(), kCount * 4, on));
}
float last(CUstream on, const float* from) {
  float value;
  MUST(cuMemcpyDtoHAsync_v2(&value, CUdeviceptr(from + kCount - 1), 4, on));
  return value;
}

void open(int device = 0) {
  int handle;
  MUST(cuInit(0));
  MUST(cuDeviceGet(&handle, device));
  MUST(cuDevicePrimaryCtxRetain(&context, handle));
  MUST(cuCtxSetCurrent(context));
  CUmemPoolProps props;
  props.location_id = device;
  MUST(cuMemPoolCreate(&pool, &props));
  MUST(cuModuleLoadData(&module, "\177ELF code"));
}
void close() {
  int handle;
  MUST(cuModuleUnload(module));
  MUST(cuMemPoolDestroy(pool));
  MUST(cuDeviceGet(&handle, 0));
  MUST(cuDevicePrimaryCtxRelease_v2(handle));
}

/// What a stream computes, and the events that another must wait for.
void order() {
  open();
  const auto a = stream(), b = stream();
  const auto ready = event();
  float *x = take(a), *y = take(a);
  std::printf("fresh %g\n", last(a, y));
  fill(a, x, 2), fill(a, y, 1);
  scale(a, y, x, 3);
  // Without the event, b sees what was there before a's work; with it, what a computes.
  float* before = pinned();
  MUST(cuMemcpyDtoHAsync_v2(before, CUdeviceptr(y), 4, b));
  MUST(cuStreamSynchronize(b));
  MUST(cuEventRecord(ready, a));
  MUST(cuStreamWaitEvent(b, ready, 0));
  std::printf("unordered %g ordered %g\n", before[0], last(b, y));
  // Pinned memory is read when the copy runs.
  before[0] = 5;
  MUST(cuMemcpyHtoDAsync_v2(CUdeviceptr(y + kCount - 1), before, 4, a));
  before[0] = 6;
  std::printf("pinned %g\n", last(a, y));
  const auto from = event(), to = event(), never = event(kEventDisableTiming);
  float ms = -1;
  MUST(cuEventRecord(from, a));
  scale(a, y, x, 1);
  MUST(cuEventRecord(to, a));
  const int early = d.cuEventElapsedTime(&ms, from, to);
  MUST(cuEventSynchronize(to));
  MUST(cuEventElapsedTime(&ms, from, to));
  std::printf("early %d time %d untimed %d\n", early, ms > 0, d.cuEventElapsedTime(&ms, from, never));
  for (const auto one : {ready, from, to, never}) MUST(cuEventDestroy_v2(one));
  MUST(cuMemFreeHost(before));
  give(x, a), give(y, a);
  MUST(cuStreamDestroy_v2(a));
  MUST(cuStreamDestroy_v2(b));
  close();
}

/// The same work at once, and as a graph with a side stream.
void capture() {
  open();
  const auto a = stream(), b = stream();
  const auto fork = event(), join = event();
  float *x = take(a), *y = take(a), *z = take(a);
  const auto work = [&] {
    scale(a, y, x, 3);
    MUST(cuEventRecord(fork, a));
    MUST(cuStreamWaitEvent(b, fork, 0));
    scale(b, z, y, 2);
    MUST(cuEventRecord(join, b));
    scale(a, x, x, 1);
    MUST(cuStreamWaitEvent(a, join, 0));
    scale(a, y, z, 1);
  };
  const auto reset = [&] { fill(a, x, 1), fill(a, y, 0), fill(a, z, 0); };
  reset(), work(), work();
  std::printf("eager %g %g %g\n", last(a, x), last(a, y), last(a, z));
  CUgraph graph;
  CUgraphExec exec;
  MUST(cuStreamBeginCapture_v2(a, kCaptureRelaxed));
  work();
  MUST(cuStreamEndCapture(a, &graph));
  MUST(cuGraphInstantiateWithFlags(&exec, graph, 0));
  MUST(cuGraphDestroy(graph));
  reset();
  MUST(cuGraphLaunch(exec, a));
  MUST(cuGraphLaunch(exec, a));
  std::printf("graph %g %g %g\n", last(a, x), last(a, y), last(a, z));
  MUST(cuGraphExecDestroy(exec));

  const auto refused = [&](const char* what, auto f) {
    MUST(cuStreamBeginCapture_v2(a, kCaptureRelaxed));
    const int error = f();
    const int ended = d.cuStreamEndCapture(a, &graph);
    std::printf("%s %d %d\n", what, error, ended);
  };
  CUdeviceptr at;
  float host;
  refused("synchronize", [&] { return d.cuStreamSynchronize(a); });
  refused("allocate", [&] { return d.cuMemAllocFromPoolAsync(&at, 4, pool, a); });
  refused("pageable", [&] { return d.cuMemcpyDtoHAsync_v2(&host, CUdeviceptr(x), 4, a); });
  refused("outside", [&] {
    d.cuEventRecord(fork, b);
    return d.cuStreamWaitEvent(a, fork, 0);
  });
  refused("unjoined", [&] {
    d.cuEventRecord(fork, a);
    d.cuStreamWaitEvent(b, fork, 0);
    return scale(b, z, y, 1);
  });
  // A dependency that is missing within a graph shows as well: both write y.
  MUST(cuStreamBeginCapture_v2(a, kCaptureRelaxed));
  MUST(cuEventRecord(fork, a));
  MUST(cuStreamWaitEvent(b, fork, 0));
  MUST(cuMemsetD8Async(CUdeviceptr(y), 0, kCount * 4, a));
  scale(b, y, x, 1);
  MUST(cuEventRecord(join, b));
  MUST(cuStreamWaitEvent(a, join, 0));
  MUST(cuStreamEndCapture(a, &graph));
  MUST(cuGraphInstantiateWithFlags(&exec, graph, 0));
  reset();
  MUST(cuGraphLaunch(exec, a));
  std::printf("race %g\n", last(a, y));
  MUST(cuGraphExecDestroy(exec));
  MUST(cuGraphDestroy(graph));
  for (const auto one : {fork, join}) MUST(cuEventDestroy_v2(one));
  for (auto* one : {x, y, z}) give(one, a);
  MUST(cuStreamDestroy_v2(a));
  MUST(cuStreamDestroy_v2(b));
  close();
}

/// 1 MiB there is.
void capacity() {
  open();
  uint64_t keep = UINT64_MAX;
  MUST(cuMemPoolSetAttribute(pool, kPoolReleaseThreshold, &keep));
  const auto a = stream();
  CUmemoryPool other;
  CUmemPoolProps props;
  MUST(cuMemPoolCreate(&other, &props));
  size_t available, total;
  const auto room = [&] { return MUST(cuMemGetInfo_v2(&available, &total)), available >> 10; };
  std::printf("%zu", room());
  float* x = take(a, 200 << 8);
  CUdeviceptr at;
  std::printf(" %zu, too much %d", room(), d.cuMemAllocFromPoolAsync(&at, 900 << 10, pool, a));
  give(x, a);
  std::printf(", after a free %d", d.cuMemAllocFromPoolAsync(&at, 900 << 10, pool, a));
  std::printf(" %zu", room());
  MUST(cuMemFreeAsync(at, a));
  MUST(cuStreamSynchronize(a));
  std::printf(", kept %zu, another pool %d", room(), d.cuMemAllocFromPoolAsync(&at, 900 << 10, other, a));
  MUST(cuMemPoolTrimTo(pool, 0));
  std::printf(", trimmed %zu", room());
  std::printf(" %d\n", d.cuMemAllocFromPoolAsync(&at, 900 << 10, other, a));
  MUST(cuMemFreeAsync(at, a));
  MUST(cuMemPoolDestroy(other));
  MUST(cuStreamDestroy_v2(a));
  close();
}

void misuse() {
  open();
  const auto a = stream(), gone = stream();
  MUST(cuStreamDestroy_v2(gone));
  float *x = take(a), *y = take(a);
  give(y, a);
  void* nothing[] = {nullptr};
  CUfunction function;
  const auto f = kernel("probe_scale_f32");
  std::printf("%d ", d.cuStreamSynchronize(gone));
  std::printf("%d ", d.cuStreamDestroy_v2(gone));
  std::printf("%d ", d.cuMemFreeAsync(CUdeviceptr(y), a));
  std::printf("%d ", d.cuMemsetD8Async(CUdeviceptr(y), 0, 4, a));
  std::printf("%d ", d.cuMemsetD8Async(CUdeviceptr(x), 0, kCount * 4 + 1, a));
  std::printf("%d ", d.cuModuleGetFunction(&function, module, "no_such_kernel"));
  std::printf("%d ", d.cuLaunchKernel(f, 1, 1, 1, 512, 1, 1, 0, a, nothing, nullptr));
  std::printf("%d ", d.cuModuleLoadData(&module, "nonsense"));
  std::thread([&] { std::printf("%d\n", d.cuStreamSynchronize(a)); }).join();
  // The stream and x are leaked.
  close();
}

/// Two devices: a kernel of one reaches the other's memory where it was opened to it.
void peers() {
  open();
  const auto first_context = context;
  const auto first_pool = pool;
  const auto first_module = module;
  const auto a = stream();
  float* x = take(a);
  fill(a, x, 4);
  open(1);
  const auto b = stream();
  const auto filled = event();
  float* y = take(b);
  fill(b, y, 0);
  const int other_event = d.cuEventRecord(filled, a);
  MUST(cuCtxSetCurrent(first_context));
  const auto of_first = event();
  MUST(cuEventRecord(of_first, a));
  const int other_stream = scale(b, y, x, 1);
  MUST(cuCtxSetCurrent(context));
  MUST(cuStreamWaitEvent(b, of_first, 0));
  MUST(cuMemcpyPeerAsync(CUdeviceptr(y), context, CUdeviceptr(x), first_context, 400, b));
  MUST(cuStreamSynchronize(b));
  float copied;
  MUST(cuMemcpyDtoHAsync_v2(&copied, CUdeviceptr(y), 4, b));
  CUmemAccessDesc access;
  access.location_id = 1;
  MUST(cuMemPoolSetAccess(first_pool, &access, 1));
  scale(b, y, x, 1);
  std::printf("foreign event %d, foreign stream %d, copied %g, read %g\n", other_event, other_stream, copied,
              last(b, y));
  access.flags = 0;
  MUST(cuMemPoolSetAccess(first_pool, &access, 1));
  scale(b, y, x, 1);
  std::printf("closed %d\n", d.cuStreamSynchronize(b));
  (void)first_module;
}

/// A kernel that does wrong, and then everything else.
void wrong(int how) {
  open();
  const auto a = stream();
  ProbeWrong params{take(a), how};
  void* parameters[] = {&params};
  MUST(cuLaunchKernel(kernel("probe_wrong"), 1, 1, 1, 64, 1, 1, 0, a, parameters, nullptr));
  std::printf("%d ", d.cuStreamSynchronize(a));
  void* at;
  std::printf("%d %d\n", d.cuMemHostAlloc(&at, 4, 0), d.cuStreamDestroy_v2(a));
}

void illegal() { wrong(4); }
void misaligned() { wrong(5); }

/// The host dereferences a device pointer.
void touch() {
  open();
  const auto a = stream();
  float* x = take(a);
  fill(a, x, 1);
  MUST(cuStreamSynchronize(a));
  std::printf("%g\n", x[0]);
}

/// One step after another; each call's error, where there is one, and what follows from it.
void faults() {
  const auto tell = [](const char* what, int error) {
    if (error) std::printf("%s %d\n", what, error);
  };
  open();
  const auto a = stream();
  float* x = take(a);
  for (int i = 0; i < 4; ++i) tell("memset", d.cuMemsetD8Async(CUdeviceptr(x), 0, 4, a));
  tell("synchronize", d.cuStreamSynchronize(a));
  tell("free", d.cuMemFreeAsync(CUdeviceptr(x), a));
  tell("destroy", d.cuStreamDestroy_v2(a));
  tell("unload", d.cuModuleUnload(module));
  tell("pool", d.cuMemPoolDestroy(pool));
  int handle;
  tell("get", d.cuDeviceGet(&handle, 0));
  tell("release", d.cuDevicePrimaryCtxRelease_v2(40));
}

/// Several threads synchronise while one launches.
void threads() {
  open();
  const auto a = stream();
  float *x = take(a), *y = take(a);
  fill(a, x, 1), fill(a, y, 0);
  std::vector<std::thread> all;
  std::vector<CUevent> events;
  for (int i = 0; i < 50; ++i) {
    scale(a, y, x, 1);
    events.push_back(event());
    MUST(cuEventRecord(events.back(), a));
    if (i % 10 == 0)
      all.emplace_back([&, mine = events.back()] {
        MUST(cuCtxSetCurrent(context));
        for (int k = 0; k < 20; ++k) MUST(cuEventSynchronize(mine));
      });
  }
  for (auto& one : all) one.join();
  std::printf("%g\n", last(a, y));
  for (const auto one : events) MUST(cuEventDestroy_v2(one));
  give(x, a), give(y, a);
  MUST(cuStreamDestroy_v2(a));
  close();
}

}  // namespace

int main(int, char** arguments) {
  void* library = dlopen((std::string(arguments[1]) + "/libcuda.so.1").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::puts(dlerror()), 1;
  bool whole = true;
  d.visit([&](const char* name, auto*& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    whole = whole && function;
  });
  if (!whole) return std::puts("a function is missing"), 1;
  const std::string what = arguments[2];
#define SCENE(name) \
  if (what == #name) name()
  SCENE(order);
  SCENE(capture);
  SCENE(capacity);
  SCENE(misuse);
  SCENE(peers);
  SCENE(illegal);
  SCENE(misaligned);
  SCENE(touch);
  SCENE(faults);
  SCENE(threads);
}
