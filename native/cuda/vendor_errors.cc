// Errors of calls of cuDNN and cublasLt, each with its remedy.
#include <array>

#include "cuda/errors.h"
#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

constexpr const char* kDoctor = ". `alexnode doctor` says which files are used";
constexpr const char* kMemory = ". Use a smaller batch or net, or close what is not needed";
constexpr const char* kRestart =
    ". The GPU failed, or its driver did: start the process again, and look at `nvidia-smi` and the system's "
    "log";

const char* remedy_of_cudnn(int status) {
  if (status == kCudnnMixed || status == kCudnnPartMissing || status / 1000 == 1) return kDoctor;
  if (status == kCudnnNoHostMemory || status == kCudnnNoDeviceMemory) return kMemory;
  if (status >= kCudnnNotSupported && status < kCudnnNotSupportedEnd)
    return ". Install a newer cuDNN, or use another dtype or shape";
  if (status >= kCudnnExecutionFailed) return kRestart;
  return ". This is a fault of alexnode's: please report it";
}

const char* remedy_of_cublas(int status) {
  switch (status) {
    case 1:
    case kCublasArchMismatch:
      return kDoctor;
    case kCublasNoMemory:
      return kMemory;
    case kCublasNotSupported:
      return ". Install a newer cuBLAS, or use another dtype or shape";
    case kCublasExecutionFailed:
      return kRestart;
    default:
      return ". This is a fault of alexnode's: please report it";
  }
}

}  // namespace

void check_cudnn(const Libraries& libraries, int status, const char* call) {
  if (!status) return;
  if (status >= kCudnnExecutionFailed) check_lost(libraries.driver, call);
  const char* name = libraries.cudnn.cudnnGetErrorString(status);
  std::array<char, 512> words{};
  libraries.cudnn.cudnnGetLastErrorString(words.data(), words.size() - 1);
  const auto what = text("[cuda] ", call, " failed with ", status, " (", name ? name : "an unknown error",
                         words[0] ? ": " : "", words.data(), ")", remedy_of_cudnn(status));
  if (status == kCudnnNoHostMemory || status == kCudnnNoDeviceMemory) throw OutOfMemory(what);
  throw Error(what);
}

void check_cublas(const Libraries& libraries, int status, const char* call) {
  if (!status) return;
  if (status == kCublasExecutionFailed) check_lost(libraries.driver, call);
  const char* name = libraries.cublaslt.cublasLtGetStatusName(status);
  const char* words = libraries.cublaslt.cublasLtGetStatusString(status);
  const auto what = text("[cuda] ", call, " failed with ", status, " (", name ? name : "an unknown error",
                         words ? text(": ", words) : "", ")", remedy_of_cublas(status));
  if (status == kCublasNoMemory) throw OutOfMemory(what);
  throw Error(what);
}

}  // namespace alexnode::cuda
