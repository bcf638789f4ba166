// A double of libcudnn.so.9. Like the real one, it calls abort() at a call when a part of it, or cublasLt, is
// not open. -DVERSION=91900 is its version, -DCUDA=13000 the CUDA that it was built for. Descriptors are
// checked as cuDNN does it, or more strictly: convolutions in NHWC alone, and 16-bit inputs give 16-bit
// gradients. Of the algorithms that it offers some cannot run, some give other bits each time, and all but
// one need a workspace.
//
// This file: versions, handles and tensors. Convolution, pooling and LRN have files of their own.
#include "cudnn.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <limits>

namespace fake_cudnn {

namespace {

constexpr const char* kNeeded[] = {"libcudnn_graph.so.9",
                                   "libcudnn_ops.so.9",
                                   "libcudnn_cnn.so.9",
                                   "libcudnn_adv.so.9",
                                   "libcudnn_engines_precompiled.so.9",
                                   "libcudnn_engines_runtime_compiled.so.9",
                                   "libcudnn_heuristic.so.9",
                                   CUDA / 1000 == 13 ? "libcublasLt.so.13" : "libcublasLt.so.12"};

thread_local std::array<char, 256> last_words{};

}  // namespace

void need_all() {
  static const bool all_there = [] {
    for (const char* name : kNeeded)
      if (!dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) std::abort();
    return true;
  }();
  (void)all_there;
}

Alive& alive() {
  static auto* the_alive = new Alive("cudnn objects");
  return *the_alive;
}

}  // namespace fake_cudnn

using namespace fake_cudnn;

extern "C" {

size_t cudnnGetVersion() {
  need_all();
  return VERSION;
}
size_t cudnnGetCudartVersion() {
  need_all();
  return CUDA;
}
const char* cudnnGetErrorString(int status) {
  if (status == 0) return "CUDNN_STATUS_SUCCESS";
  if (status >= 2000 && status < 3000) return "CUDNN_STATUS_BAD_PARAM";
  if (status >= 3000 && status < 4000) return "CUDNN_STATUS_NOT_SUPPORTED";
  if (status >= 4000 && status < 5000) return "CUDNN_STATUS_INTERNAL_ERROR";
  return "CUDNN_STATUS_EXECUTION_FAILED";
}
void cudnnGetLastErrorString(char* message, size_t size) {
  if (message && size) std::snprintf(message, size, "%s", last_words.data());
}

int cudnnCreate(cudnnHandle_t* handle) {
  BEGIN;
  return make(handle);
}
int cudnnDestroy(cudnnHandle_t handle) {
  if (alive().has(handle)) in_context(__func__, handle->context);
  GIVE_BACK(handle);
}
int cudnnSetStream(cudnnHandle_t handle, CUstream stream) {
  BEGIN;
  if (!all_alive(handle) || !in_context(__func__, handle->context, stream)) return kCudnnBadParam;
  handle->stream = stream;
  handle->bound = true;
  return 0;
}

int cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
  BEGIN;
  return make(tensor);
}
int cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) { GIVE_BACK(tensor); }
int cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, int format, int type, int n, int c, int h,
                               int w) {
  BEGIN;
  if (!all_alive(tensor) || n < 1 || c < 1 || h < 1 || w < 1) return kCudnnBadParam;
  if (format != kCudnnNchw && format != kCudnnNhwc) return kCudnnNotSupported;
  if (int64_t(n) * c * h * w > std::numeric_limits<int>::max()) return kCudnnNotSupported;
  *tensor = {format, type, {n, c, h, w}};
  return 0;
}
}
