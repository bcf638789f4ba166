// Shared by the files of kernels/. nvcc, NVRTC and a host compiler (for the double of CUDA in test/fake-cuda)
// compile them, so they include nothing but each other. A kernel takes one struct by value, declared in the
// .h of its file's name, which the host fills in. Sums are taken in a fixed order and without atomics: the
// same input gives the same bits.
#pragma once

namespace alexnode::cuda {

using i64 = long long;
using u64 = unsigned long long;
using i32 = int;
using u32 = unsigned int;
using u16 = unsigned short;
using u8 = unsigned char;

/// An image tensor's elements, as ImageView (layout.h) has them: NCHW, NHWC and blocked channels.
struct Image {
  i64 n, c, h, w, pixels, block, image_stride, block_stride, pixel_stride;
};

}  // namespace alexnode::cuda
