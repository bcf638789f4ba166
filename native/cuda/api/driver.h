// What is used of the CUDA driver's C ABI (cuda.h), the same in CUDA 12 and 13. Results are 0 or an error.
// Device pointers are integers: the host must not follow them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace alexnode::cuda {

using CUdeviceptr = uint64_t;
using CUcontext = struct CUctx_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUmemoryPool = struct CUmemPoolHandle_st*;

/// CUmemPoolProps and CUmemAccessDesc, as far as they are filled here.
struct CUmemPoolProps {
  int alloc_type = 1;     // CU_MEM_ALLOCATION_TYPE_PINNED
  int handle_types = 0;   // CU_MEM_HANDLE_TYPE_NONE
  int location_type = 1;  // CU_MEM_LOCATION_TYPE_DEVICE
  int location_id = 0;    // the device's ordinal
  void* security = nullptr;
  size_t max_size = 0;
  unsigned short usage = 0;
  unsigned char reserved[54] = {};
};
struct CUmemAccessDesc {
  int location_type = 1, location_id = 0;
  int flags = 3;  // CU_MEM_ACCESS_FLAGS_PROT_READWRITE
};

#define ALEXNODE_DRIVER(F)                                                                                   \
  F(cuInit, (unsigned flags))                                                                                \
  F(cuDriverGetVersion, (int* version))                                                                      \
  F(cuGetErrorName, (int error, const char** name))                                                          \
  F(cuGetErrorString, (int error, const char** words))                                                       \
  F(cuDeviceGetCount, (int* count))                                                                          \
  F(cuDeviceGet, (int* device, int ordinal))                                                                 \
  F(cuDeviceGetName, (char* name, int length, int device))                                                   \
  F(cuDeviceGetAttribute, (int* value, int attribute, int device))                                           \
  F(cuDeviceGetUuid_v2, (void* uuid, int device))                                                            \
  F(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                                       \
  F(cuDevicePrimaryCtxRetain, (CUcontext * context, int device))                                             \
  F(cuDevicePrimaryCtxRelease_v2, (int device))                                                              \
  F(cuCtxSetCurrent, (CUcontext context))                                                                    \
  F(cuCtxGetStreamPriorityRange, (int* least, int* greatest))                                                \
  F(cuDeviceCanAccessPeer, (int* can, int device, int peer))                                                 \
  F(cuStreamCreateWithPriority, (CUstream * stream, unsigned flags, int priority))                           \
  F(cuStreamDestroy_v2, (CUstream stream))                                                                   \
  F(cuStreamSynchronize, (CUstream stream))                                                                  \
  F(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                                     \
  F(cuStreamBeginCapture_v2, (CUstream stream, int mode))                                                    \
  F(cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                                  \
  F(cuEventCreate, (CUevent * event, unsigned flags))                                                        \
  F(cuEventDestroy_v2, (CUevent event))                                                                      \
  F(cuEventRecord, (CUevent event, CUstream stream))                                                         \
  F(cuEventSynchronize, (CUevent event))                                                                     \
  F(cuEventElapsedTime, (float* milliseconds, CUevent from, CUevent to))                                     \
  F(cuMemGetInfo_v2, (size_t * available, size_t * total))                                                   \
  F(cuMemPoolCreate, (CUmemoryPool * pool, const CUmemPoolProps* props))                                     \
  F(cuMemPoolDestroy, (CUmemoryPool pool))                                                                   \
  F(cuMemPoolTrimTo, (CUmemoryPool pool, size_t keep))                                                       \
  F(cuMemPoolGetAttribute, (CUmemoryPool pool, int attribute, void* value))                                  \
  F(cuMemPoolSetAttribute, (CUmemoryPool pool, int attribute, void* value))                                  \
  F(cuMemPoolSetAccess, (CUmemoryPool pool, const CUmemAccessDesc* access, size_t count))                    \
  F(cuMemAllocFromPoolAsync, (CUdeviceptr * pointer, size_t bytes, CUmemoryPool pool, CUstream stream))      \
  F(cuMemFreeAsync, (CUdeviceptr pointer, CUstream stream))                                                  \
  F(cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                                          \
  F(cuMemFreeHost, (void* pointer))                                                                          \
  F(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t count, CUstream stream))                   \
  F(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))                 \
  F(cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream))                       \
  F(cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                 \
  F(cuMemcpyPeerAsync, (CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,      \
                        size_t bytes, CUstream stream))                                                      \
  F(cuModuleLoadData, (CUmodule * module, const void* image))                                                \
  F(cuModuleUnload, (CUmodule module))                                                                       \
  F(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name))                         \
  F(cuLaunchKernel,                                                                                          \
    (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,               \
     unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void** parameters, void** extra)) \
  F(cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))              \
  F(cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                                      \
  F(cuGraphExecDestroy, (CUgraphExec exec))                                                                  \
  F(cuGraphDestroy, (CUgraph graph))

struct Driver {
#define ALEXNODE_MEMBER(name, parameters) int(*name) parameters = nullptr;
  ALEXNODE_DRIVER(ALEXNODE_MEMBER)
#undef ALEXNODE_MEMBER

  template <class F>
  void visit(F&& f) {
#define ALEXNODE_VISIT(name, parameters) f(#name, name);
    ALEXNODE_DRIVER(ALEXNODE_VISIT)
#undef ALEXNODE_VISIT
  }
};

// CUresult
inline constexpr int kOutOfMemory = 2;
inline constexpr int kNoBinaryForGpu = 209;
inline constexpr int kUnsupportedPtx = 222;
inline constexpr int kInvalidImage = 200;
inline constexpr int kInvalidPtx = 218, kNoJitCompiler = 221, kJitDisabled = 223;

// CUdevice_attribute
inline constexpr int kMultiprocessorCount = 16;
inline constexpr int kComputeCapabilityMajor = 75;
inline constexpr int kComputeCapabilityMinor = 76;
inline constexpr int kMemoryPoolsSupported = 115;

// Flags: CU_STREAM_NON_BLOCKING, CU_EVENT_BLOCKING_SYNC, CU_EVENT_DISABLE_TIMING,
// CU_STREAM_CAPTURE_MODE_RELAXED, CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY, CU_MEMHOSTALLOC_PORTABLE,
// CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, …_RESERVED_MEM_CURRENT
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventBlockingSync = 1, kEventDisableTiming = 2;
inline constexpr int kCaptureRelaxed = 2;
inline constexpr unsigned long long kGraphNodePriority = 8;
inline constexpr unsigned kHostPortable = 1;
inline constexpr int kPoolReleaseThreshold = 4, kPoolReserved = 5;

}  // namespace alexnode::cuda
