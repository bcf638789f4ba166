// Element types of kernels, and how kernels are declared.
#pragma once
#include "cuda/kernels/prelude.h"

#ifdef __CUDACC__
#define ALEXNODE_DEVICE __device__ __forceinline__
/// A kernel: `p` is its struct.
#define ALEXNODE_KERNEL(name, Params) extern "C" __global__ void name(const __grid_constant__ Params p)
#else
#include "cuda_on_host.h"  // test/fake-cuda: threads as fibers
#endif

/// One kernel a float type: body(name_f32, f32), …
#define ALEXNODE_FLOATS(KERNEL) KERNEL(f32, f32) KERNEL(bf16, bf16) KERNEL(f16, f16)

namespace alexnode::cuda {

using f32 = float;

ALEXNODE_DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
ALEXNODE_DEVICE u32 to_bits(float value) { return __float_as_uint(value); }

/// The upper half of an f32. Stores round to nearest even; NaN stays NaN. As dtype.h has it.
struct bf16 {
  u16 bits;
  bf16() = default;
  ALEXNODE_DEVICE bf16(float value) {
    const u32 u = to_bits(value);
    bits = u16((value != value ? u | 0x400000 : u + 0x7fff + (u >> 16 & 1)) >> 16);
  }
  ALEXNODE_DEVICE operator float() const { return from_bits(u32(bits) << 16); }
};

/// IEEE half precision.
struct f16 {
  u16 bits;
  f16() = default;
#ifdef __CUDACC__
  ALEXNODE_DEVICE f16(float value) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value)); }
  ALEXNODE_DEVICE operator float() const {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
  }
#else
  f16(float value) { bits = __builtin_bit_cast(u16, _Float16(value)); }
  operator float() const { return float(__builtin_bit_cast(_Float16, bits)); }
#endif
};

/// The grid-stride loop's start and step.
ALEXNODE_DEVICE i64 first_index() { return i64(blockIdx.x) * blockDim.x + threadIdx.x; }
ALEXNODE_DEVICE i64 index_step() { return i64(gridDim.x) * blockDim.x; }

/// The place of an element, by channel and pixel of an image.
ALEXNODE_DEVICE i64 place(const Image& v, i64 image, i64 channel, i64 pixel) {
  return image * v.image_stride + channel / v.block * v.block_stride + pixel * v.pixel_stride +
         channel % v.block;
}

}  // namespace alexnode::cuda
