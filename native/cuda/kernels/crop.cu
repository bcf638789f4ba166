// From the bytes of stored images to a net's input: cropped, mirrored, colours shifted, normalised. A block
// works on pixels of one image, whose place one thread of it draws; a thread takes whole pixels, so that each
// byte is read once, and each element written once, with neighbours.
#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/crop.h"
#include "cuda/kernels/device.cuh"

namespace alexnode::cuda {

/// N channels that lie side by side are stored at once.
template <class T, int N>
ALEXNODE_DEVICE void crop(const CropParams& p) {
  __shared__ CropPlace shared;
  const Image &to = p.to, &from = p.from;
  i64 image = blockIdx.x;
  const i64 part = take(image, p.parts);
  if (threadIdx.x == 0) shared = crop_place(p.draws, p.rng, p.colours, image);
  __syncthreads();
  const CropPlace place_of = shared;
  T* y = static_cast<T*>(p.y) + image * to.image_stride;
  const u8* x = p.x + image * from.image_stride;
  const bool whole = aligned(p.y, N * int(sizeof(T)));
  const i64 stored = (to.c + to.block - 1) / to.block * to.block;
  for (i64 pixel = part * blockDim.x + threadIdx.x; pixel < to.pixels; pixel += p.parts * blockDim.x) {
    i64 row = pixel;
    const i64 column = take(row, to.w), across = place_of.mirrored ? to.w - 1 - column : column;
    const i64 source = (place_of.top + row) * from.w + place_of.left + across;
    for (i64 first = 0; first < stored; first += N) {
      Lanes<T, N> lanes;
#pragma unroll
      for (int l = 0; l < N; l++) {
        const i64 c = first + l;
        float value = 0;
        if (c < to.c) {
          value = x[source * from.c + c];
          if (p.kind == CropMean::channel) value -= p.mean[c];
          if (p.kind == CropMean::crop) value -= p.mean[c * to.pixels + pixel];
          if (p.kind == CropMean::image) value -= p.mean[c * from.pixels + source];
          if (p.colours) value += place_of.shift[c];
          if (p.factor) value *= p.factor[c];
        }
        lanes.lane[l] = value;
      }
      store(y + place(to, 0, first, pixel), lanes, whole);
    }
  }
}

#define CROP(name, T, N) \
  ALEXNODE_KERNEL(crop_##N##_##name, CropParams) { crop<T, N>(p); }
#define TO_EACH(name, T) CROP(name, T, 1) CROP(name, T, 4)
ALEXNODE_FLOATS(TO_EACH)
CROP(bf16, bf16, 8)
CROP(f16, f16, 8)

}  // namespace alexnode::cuda
