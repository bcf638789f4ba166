// The libraries of the CUDA toolkit, which exist once for each major version of CUDA.
#pragma once
#include "cuda/api/cublas.h"
#include "cuda/api/cublaslt.h"
#include "cuda/api/nvrtc.h"
#include "cuda/libraries/opener.h"

namespace alexnode::cuda {

struct Toolkit {
  int major;
  Nvrtc nvrtc;
  CublasLt cublaslt;
  Cublas cublas;
  LibraryReport nvrtc_report, builtins_report, cublaslt_report, cublas_report;

  bool any() const {
    return nvrtc_report.state == State::ready || cublaslt_report.state == State::ready ||
           cublas_report.state == State::ready;
  }
};

Toolkit open_toolkit(const Opener& opener, int major);

}  // namespace alexnode::cuda
