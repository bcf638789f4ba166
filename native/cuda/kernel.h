// What a CUDA kernel of the op table is made from and run with. `Target` is what there is while an op is
// prepared: the GPU, the libraries, the choices made for the device. `Launch` is what there is while it
// runs: a stream, and the libraries' handles bound to it. Both are used on the launcher's thread alone.
#pragma once
#include <cstdint>
#include <string>

#include "cuda/choices.h"
#include "cuda/kernels/prelude.h"
#include "cuda/libraries/libraries.h"
#include "ops/table.h"

namespace alexnode::cuda {

class Modules;

/// Choices for a device.
struct Options {
  bool tf32 = false;           // f32 products may be rounded to TF32 in tensor cores
  bool deterministic = false;  // equal runs give equal bits
  bool cudnn = false;          // cuDNN's pooling and LRN where it can, instead of ours
};

/// A physical GPU.
struct Gpu {
  int ordinal = 0, handle = 0, major = 0, minor = 0, multiprocessors = 0;
  size_t memory = 0;  // bytes
  std::string name;
  CUcontext context = nullptr;
};

constexpr int kThreads = 256;  // of a block, where nothing speaks for another number

/// Blocks of a grid, or threads of a block.
struct Extent {
  unsigned x = 1, y = 1, z = 1;
};

/// Where a kernel is run: a stream, and handles that are bound to it.
struct Launch {
  const Libraries& libraries;
  const Gpu& gpu;
  CUstream stream;
  cudnnHandle_t cudnn;
  cublasLtHandle_t cublaslt;

  /// Starts one of our own kernels, with its one struct.
  template <class Params>
  void operator()(CUfunction function, Extent grid, Extent block, const Params& params) const {
    start(function, grid, block, &params);
  }

 private:
  void start(CUfunction function, Extent grid, Extent block, const void* params) const;
};

/// What an op is prepared for.
struct Target {
  const Libraries& libraries;
  const Gpu& gpu;
  const Options& options;
  Modules& modules;
  CUmemoryPool pool;           // for what timing takes, and gives back
  Launch launch;               // for algorithms that are timed
  Choices* choices = nullptr;  // those that were chosen before, where they are kept

  /// A kernel of ours: `topic` is its file in kernels/, loaded or compiled where that has not happened yet.
  CUfunction function(const char* topic, const std::string& name) const;
  /// As `function`, for one that there is for each float type: "relu_bf16".
  CUfunction function(const char* topic, const char* name, DType dtype) const;
};

/// Blocks of `threads` for a grid-stride loop over `count` elements: no more than keep the GPU busy.
Extent blocks_for(const Gpu& gpu, int64_t count, int threads);

/// As kernels take it.
Image image_of(const ImageView& view);

/// f(args, launch) as a kernel.
template <class F>
KernelPtr make_launch(Specs specs, std::string implementation, F f, size_t scratch = 0) {
  return make_kernel(
      std::move(specs), std::move(implementation),
      [f = std::move(f)](const Args& args) { f(args, *static_cast<const Launch*>(args.context)); }, scratch);
}

/// As make_launch, for what a library of NVIDIA's does: it loads 16 bytes at once, and an address that is no
/// multiple of that would end the context.
template <class F>
KernelPtr make_vendor_launch(Specs specs, std::string implementation, F f, size_t scratch = 0) {
  auto kernel = make_launch(std::move(specs), std::move(implementation), std::move(f), scratch);
  kernel->alignment = 16;
  return kernel;
}

/// Throws with the call's name, the error's code and name, and what mends it, unless `error` is 0.
void check(const Driver& driver, int error, const char* call);
void check_cudnn(const Libraries& libraries, int status, const char* call);
void check_cublas(const Libraries& libraries, int status, const char* call);

// One factory an op, in the file of its topic. Weak, so that an op without one is told apart at run time and
// nobody writes a stub.
#define ALEXNODE_DECLARE(Op) \
  KernelPtr make(const Op& fields, Specs specs, const Target& target) __attribute__((weak));
ALEXNODE_OPS(ALEXNODE_DECLARE)
#undef ALEXNODE_DECLARE

}  // namespace alexnode::cuda
