// The places of a batch's crops.
#pragma once
#include <cstdint>

#include "crop_place.h"

namespace alexnode::cpu {

void draw_places(CropPlace* places, int64_t n, const CropDraws& draws, const uint32_t* rng,
                 const float* colours);

}  // namespace alexnode::cpu
