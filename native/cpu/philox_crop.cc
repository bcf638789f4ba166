// Compiled with -ffp-contract=off, as philox.cc is: the shifts of colours are the same bits everywhere.
#include "cpu/philox_crop.h"

#include <cstdint>

namespace alexnode::cpu {

void draw_places(CropPlace* places, int64_t n, const CropDraws& draws, const uint32_t* rng,
                 const float* colours) {
  for (int64_t i = 0; i < n; i++) places[i] = crop_place(draws, rng, colours, i);
}

}  // namespace alexnode::cpu
