// What is used of NCCL's C ABI (nccl.h, version 2), from 2.14 on: the first whose communicators do not block.
#pragma once
#include <climits>
#include <cstddef>

#include "cuda/api/driver.h"

namespace alexnode::cuda {

using ncclComm_t = struct ncclComm*;

/// By which the ranks of a communicator find each other.
struct ncclUniqueId {
  char internal[128];
};

/// ncclConfig_t as of 2.14. Newer versions take it by its size and version, and choose the rest themselves.
struct NcclConfig {
  size_t size = sizeof(NcclConfig);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;
};

struct Nccl {
  /// major · 10000 + minor · 100 + patch
  int (*ncclGetVersion)(int* version) = nullptr;
  int (*ncclGetUniqueId)(ncclUniqueId* id) = nullptr;
  int (*ncclCommInitRankConfig)(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                NcclConfig* config) = nullptr;
  int (*ncclCommGetAsyncError)(ncclComm_t comm, int* state) = nullptr;
  int (*ncclCommFinalize)(ncclComm_t comm) = nullptr;
  int (*ncclCommDestroy)(ncclComm_t comm) = nullptr;
  int (*ncclCommAbort)(ncclComm_t comm) = nullptr;
  int (*ncclAllReduce)(const void* from, void* to, size_t count, int dtype, int op, ncclComm_t comm,
                       CUstream stream) = nullptr;
  int (*ncclBroadcast)(const void* from, void* to, size_t count, int dtype, int root, ncclComm_t comm,
                       CUstream stream) = nullptr;
  const char* (*ncclGetErrorString)(int result) = nullptr;
  const char* (*ncclGetLastError)(ncclComm_t comm) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("ncclGetVersion", ncclGetVersion);
    f("ncclGetUniqueId", ncclGetUniqueId);
    f("ncclCommInitRankConfig", ncclCommInitRankConfig);
    f("ncclCommGetAsyncError", ncclCommGetAsyncError);
    f("ncclCommFinalize", ncclCommFinalize);
    f("ncclCommDestroy", ncclCommDestroy);
    f("ncclCommAbort", ncclCommAbort);
    f("ncclAllReduce", ncclAllReduce);
    f("ncclBroadcast", ncclBroadcast);
    f("ncclGetErrorString", ncclGetErrorString);
    f("ncclGetLastError", ncclGetLastError);
  }
};

/// Of NCCL alone, its version: it is asked before the rest is loaded, which an old one lacks.
struct NcclVersion {
  int (*ncclGetVersion)(int* version) = nullptr;

  template <class F>
  void visit(F&& f) {
    f("ncclGetVersion", ncclGetVersion);
  }
};

inline constexpr int kNcclOldest = 21400;
// ncclResult_t
inline constexpr int kNcclUnhandledCudaError = 1, kNcclSystemError = 2, kNcclInternalError = 3,
                     kNcclInvalidArgument = 4, kNcclInvalidUsage = 5, kNcclRemoteError = 6,
                     kNcclInProgress = 7;
// ncclDataType_t, ncclRedOp_t
inline constexpr int kNcclUint8 = 1, kNcclFloat32 = 7, kNcclBfloat16 = 9, kNcclSum = 0;

}  // namespace alexnode::cuda
