#include "cuda/gpu.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace alexnode::cuda {

namespace {

/// Turing: the oldest that CUDA 13 and our kernels support.
constexpr int kOldestMajor = 7, kOldestMinor = 5;

int attribute(const Driver& driver, int which, int device) {
  int value = 0;
  check(driver, driver.cuDeviceGetAttribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

Gpu describe(const Driver& driver, int ordinal) {
  Gpu gpu;
  gpu.ordinal = ordinal;
  int count = 0;
  check(driver, driver.cuDeviceGetCount(&count), "cuDeviceGetCount");
  if (ordinal >= count)
    fail("[device] there is no cuda:", ordinal, ": this machine has ",
         count == 1 ? std::string("one GPU, cuda:0") : text(count, " GPUs"));
  check(driver, driver.cuDeviceGet(&gpu.handle, ordinal), "cuDeviceGet");
  std::array<char, 256> name{};
  check(driver, driver.cuDeviceGetName(name.data(), int(name.size()) - 1, gpu.handle), "cuDeviceGetName");
  gpu.name = name.data();
  std::array<unsigned char, 16> uuid{};
  check(driver, driver.cuDeviceGetUuid_v2(uuid.data(), gpu.handle), "cuDeviceGetUuid");
  for (const auto byte : uuid) gpu.uuid += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  gpu.major = attribute(driver, kComputeCapabilityMajor, gpu.handle);
  gpu.minor = attribute(driver, kComputeCapabilityMinor, gpu.handle);
  gpu.multiprocessors = attribute(driver, kMultiprocessorCount, gpu.handle);
  check(driver, driver.cuDeviceTotalMem_v2(&gpu.memory, gpu.handle), "cuDeviceTotalMem");
  if (gpu.major * 10 + gpu.minor < kOldestMajor * 10 + kOldestMinor)
    fail("[device] cuda:", ordinal, " is a ", gpu.name, " of compute capability ", gpu.major, ".", gpu.minor,
         ": expected ", kOldestMajor, ".", kOldestMinor,
         " or newer (Turing, 2018). Use another GPU, or the CPU");
  if (!attribute(driver, kMemoryPoolsSupported, gpu.handle))
    fail("[device] cuda:", ordinal, " (", gpu.name,
         ") has no memory pools here: a virtual GPU may lack them. Use another GPU, or the CPU");
  return gpu;
}

std::vector<bool> peers_of(const Driver& driver, const Gpu& gpu) {
  int count = 0;
  check(driver, driver.cuDeviceGetCount(&count), "cuDeviceGetCount");
  std::vector<bool> peers;
  for (int i = 0; i < count; i++) {
    int other = 0, can = 1;
    check(driver, driver.cuDeviceGet(&other, i), "cuDeviceGet");
    if (i != gpu.ordinal)
      check(driver, driver.cuDeviceCanAccessPeer(&can, gpu.handle, other), "cuDeviceCanAccessPeer");
    peers.push_back(can != 0);
  }
  return peers;
}

uint64_t next_serial() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

GpuContext::GpuContext(const Libraries& libs, int ordinal)
    : libraries(libs),
      gpu(describe(libs.driver, ordinal)),
      modules(libs, gpu),
      pinned(libs.driver),
      peers(peers_of(libs.driver, gpu)),
      serial(next_serial()) {
  check(driver(), driver().cuDevicePrimaryCtxRetain(&gpu.context, gpu.handle), "cuDevicePrimaryCtxRetain");
  try {
    make_current();
    check_cudnn(libraries, libraries.cudnn.cudnnCreate(&cudnn_), "cudnnCreate");
    check_cublas(libraries, libraries.cublaslt.cublasLtCreate(&cublaslt_), "cublasLtCreate");
    // Shows, and reports, from the start whether the packaged kernels fit the GPU and its driver.
    modules.function("optimizer", "check_finite");
  } catch (...) {
    release();
    throw;
  }
}

GpuContext::~GpuContext() { release(); }

/// After a sticky error nothing can be freed, so the results of these calls are ignored.
void GpuContext::release() noexcept {
  driver().cuCtxSetCurrent(gpu.context);
  if (cudnn_) libraries.cudnn.cudnnDestroy(cudnn_);
  if (cublaslt_) libraries.cublaslt.cublasLtDestroy(cublaslt_);
  modules.unload();
  pinned.clear();
  driver().cuCtxSetCurrent(nullptr);
  driver().cuDevicePrimaryCtxRelease_v2(gpu.handle);
}

void GpuContext::forget(CUstream stream) {
  if (bound_ != stream) return;
  // The handle is one of this context.
  driver().cuCtxSetCurrent(gpu.context);
  libraries.cudnn.cudnnSetStream(cudnn_, nullptr);
  bound_ = nullptr;
}

Launch GpuContext::on(CUstream stream) {
  if (stream != bound_) {
    check_cudnn(libraries, libraries.cudnn.cudnnSetStream(cudnn_, stream), "cudnnSetStream");
    bound_ = stream;
  }
  return {libraries, gpu, stream, cudnn_, cublaslt_};
}

}  // namespace alexnode::cuda
