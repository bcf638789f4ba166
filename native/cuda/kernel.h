// How CUDA kernels of the op table are prepared and run. `Target` is the context in which an op is prepared:
// the GPU, the libraries, the device's options. `Launch` is the context in which it runs: a stream, and the
// libraries' handles bound to it. Both are used only on the launcher's thread.
#pragma once
#include <cstdint>
#include <string>

#include "cuda/choices.h"
#include "cuda/kernels/prelude.h"
#include "cuda/libraries/libraries.h"
#include "ops/table.h"

namespace alexnode::cuda {

class Modules;

/// Options of a device.
struct Options {
  bool tf32 = false;           // f32 products may be rounded to TF32 in tensor cores
  bool deterministic = false;  // equal runs give equal bits
  bool cudnn = false;          // cuDNN's pooling and LRN where it can, instead of ours
};

/// A physical GPU.
struct Gpu {
  int ordinal = 0, handle = 0, major = 0, minor = 0, multiprocessors = 0;
  size_t memory = 0;  // bytes
  std::string name, uuid;
  CUcontext context = nullptr;
};

constexpr int kThreads = 256;  // of a block, by default

/// Blocks of a grid, or threads of a block.
struct Extent {
  unsigned x = 1, y = 1, z = 1;
};

/// A stream, and the libraries' handles bound to it.
struct Launch {
  const Libraries& libraries;
  const Gpu& gpu;
  CUstream stream;
  cudnnHandle_t cudnn;
  cublasLtHandle_t cublaslt;

  /// Launches one of our own kernels with its parameter struct.
  template <class Params>
  void operator()(CUfunction function, Extent grid, Extent block, const Params& params) const {
    start(function, grid, block, &params);
  }

 private:
  void start(CUfunction function, Extent grid, Extent block, const void* params) const;
};

/// The context in which an op is prepared.
struct Target {
  const Libraries& libraries;
  const Gpu& gpu;
  const Options& options;
  Modules& modules;
  CUmemoryPool pool;           // for temporary memory while algorithms are timed
  Launch launch;               // for algorithms that are timed
  Choices* choices = nullptr;  // earlier choices; null if none are kept

  /// One of our own kernels. `topic` is its file in kernels/, which is loaded or compiled at first use.
  CUfunction function(const char* topic, const std::string& name) const;
  /// The variant of a kernel for a float type: "relu_bf16".
  CUfunction function(const char* topic, const char* name, DType dtype) const;
};

/// Blocks of `threads` for a grid-stride loop over `count` elements: at most as many as keep the GPU busy.
Extent blocks_for(const Gpu& gpu, int64_t count, int threads);

/// In the form that kernels take.
Image image_of(const ImageView& view);

/// f(args, launch) as a kernel.
template <class F>
KernelPtr make_launch(Specs specs, std::string implementation, F f, size_t scratch = 0) {
  return make_kernel(
      std::move(specs), std::move(implementation),
      [f = std::move(f)](const Args& args) { f(args, *static_cast<const Launch*>(args.context)); }, scratch);
}

/// As make_launch, for NVIDIA's libraries: they load 16 bytes at once, and a misaligned address would make
/// the context unusable.
template <class F>
KernelPtr make_vendor_launch(Specs specs, std::string implementation, F f, size_t scratch = 0) {
  auto kernel = make_launch(std::move(specs), std::move(implementation), std::move(f), scratch);
  kernel->alignment = 16;
  return kernel;
}

/// Throws unless `error` is 0, with the call's name, the error's code and name, and the remedy.
void check(const Driver& driver, int error, const char* call);
void check_cudnn(const Libraries& libraries, int status, const char* call);
void check_cublas(const Libraries& libraries, int status, const char* call);

// One factory per op, in the file of its topic. Weak, so that an op without a factory needs no stub and is
// detected at run time.
#define ALEXNODE_DECLARE(Op) \
  KernelPtr make(const Op& fields, Specs specs, const Target& target) __attribute__((weak));
ALEXNODE_OPS(ALEXNODE_DECLARE)
#undef ALEXNODE_DECLARE

}  // namespace alexnode::cuda
