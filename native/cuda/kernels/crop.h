// Parameters of crop.cu.
#pragma once
#include "crop_place.h"
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// Where the mean of an element lies: nowhere, by its channel, by its place in y, or by that in x.
enum class CropMean : int { none, channel, crop, image };

struct CropParams {
  void* y;
  const u8* x;
  const float *mean, *factor, *colours;
  const u32* rng;
  CropDraws draws;
  Image to, from;  // `from` is NHWC
  CropMean kind;
  i64 parts;  // blocks an image
};

}  // namespace alexnode::cuda
