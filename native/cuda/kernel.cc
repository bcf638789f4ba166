#include "cuda/kernel.h"

#include <algorithm>
#include <cstdint>

#include "cuda/modules.h"

namespace alexnode::cuda {

void Launch::start(CUfunction function, Extent grid, Extent block, const void* params) const {
  // The driver copies the struct during the call.
  void* parameters[] = {const_cast<void*>(params)};
  check(libraries.driver,
        libraries.driver.cuLaunchKernel(function, grid.x, grid.y, grid.z, block.x, block.y, block.z, 0,
                                        stream, parameters, nullptr),
        "cuLaunchKernel");
}

CUfunction Target::function(const char* topic, const std::string& name) const {
  return modules.function(topic, name);
}

CUfunction Target::function(const char* topic, const char* name, DType dtype) const {
  return modules.function(topic, text(name, "_", name_of(dtype)));
}

Extent blocks_for(const Gpu& gpu, int64_t count, int threads) {
  // Sixteen blocks of 256 threads are twice what a multiprocessor holds.
  const int64_t most = int64_t(gpu.multiprocessors) * 16;
  return {unsigned(std::clamp<int64_t>((count + threads - 1) / threads, 1, most))};
}

Image image_of(const ImageView& v) {
  return {v.n, v.c, v.h, v.w, v.pixels, v.block, v.image_stride, v.block_stride, v.pixel_stride};
}

}  // namespace alexnode::cuda
