// NVIDIA's libraries, opened at run time: none of them is linked, so the addon loads where they are absent.
// A library that is missing or does not fit is noted in the report; opening does not throw for it.
#pragma once
#include "cuda/api/cublas.h"
#include "cuda/api/cublaslt.h"
#include "cuda/api/cudnn.h"
#include "cuda/api/driver.h"
#include "cuda/api/nccl.h"
#include "cuda/api/nvrtc.h"
#include "cuda/libraries/opener.h"
#include "cuda/libraries/report.h"

namespace alexnode::cuda {

/// Open libraries. They are never closed: their threads and exit handlers do not survive it.
struct Libraries {
  Driver driver;
  Nvrtc nvrtc;
  CublasLt cublaslt;
  Cublas cublas;
  Cudnn cudnn;
  Nccl nccl;
  Report report;
};

/// A library may end the process when it is opened or called: cuDNN aborts if the cublasLt that it finds is
/// of another CUDA version than its own, and only a call shows that version. So do this first in a child
/// process.
Libraries open_libraries(const Watch& watch = {}, const Refused& refused = {});

}  // namespace alexnode::cuda
