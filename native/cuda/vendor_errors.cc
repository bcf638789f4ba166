// Statuses of cuDNN and cublasLt as errors for people.
#include "cuda/kernel.h"

namespace alexnode::cuda {

void check_cudnn(const Libraries& libraries, int status, const char* call) {
  if (!status) return;
  // 5000 and up: the execution failed; the driver may know that the context is lost.
  if (status >= 5000) {
    const int error = libraries.driver.cuCtxSynchronize();
    if (error >= 700 && error < 800) check(libraries.driver, error, call);
  }
  fail("[cuda] ", call, " failed with ", status, " (", libraries.cudnn.cudnnGetErrorString(status), ")");
}

void check_cublas(const Libraries& libraries, int status, const char* call) {
  if (status)
    fail("[cuda] ", call, " failed with ", status, " (", libraries.cublaslt.cublasLtGetStatusName(status),
         ")");
}

}  // namespace alexnode::cuda
