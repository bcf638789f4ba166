// The random choices for a cropped image: position, mirroring and colour shift. All backends compile this
// file, and each operation is rounded by itself, so that all give the same bits (see philox4x32.h). It
// includes no system header, because CUDA kernels include it.
#pragma once
#include "philox4x32.h"

namespace alexnode {

/// What the choices are drawn from.
struct CropDraws {
  long long top, left, rows, columns, shared;  // first position, number of positions; images per draw
  float sigma;
  unsigned purpose, colour_purpose;
  int channels;
  bool mirrored, flip;
};

struct CropPlace {
  long long top, left;
  float shift[4];
  bool mirrored;
};

/// The crop of image n of a batch. `rng` may be null if nothing is drawn, `colours` if no colour is shifted.
/// The draw is word 0 (top), 1 (left) and 2 (mirrored) of the counter of sample / shared, and the first
/// normal numbers of the counter of the sample.
ALEXNODE_PHILOX CropPlace crop_place(const CropDraws& d, const unsigned* rng, const float* colours,
                                     long long n) {
  CropPlace place{d.top, d.left, {0, 0, 0, 0}, d.mirrored};
  if (d.flip || d.rows > 1 || d.columns > 1) {
    unsigned words[4];
    philox({rng[0], rng[1], rng[2], d.purpose}, (unsigned long long)((rng[3] + n) / d.shared), words);
    place.top += (long long)((unsigned long long)words[0] * (unsigned long long)d.rows >> 32);
    place.left += (long long)((unsigned long long)words[1] * (unsigned long long)d.columns >> 32);
    if (d.flip && words[2] >> 31) place.mirrored = !place.mirrored;
  }
  if (colours) {
    unsigned words[4];
    float numbers[4];
    philox({rng[0], rng[1], rng[2], d.colour_purpose}, (unsigned long long)(rng[3] + n), words);
    to_normal(words[0], words[1], 0.f, d.sigma, numbers[0], numbers[1]);
    to_normal(words[2], words[3], 0.f, d.sigma, numbers[2], numbers[3]);
    for (int c = 0; c < d.channels; c++) {
      Rounded sum = 0.f;
      for (int k = 0; k < d.channels; k++) sum = sum + Rounded(numbers[k]) * colours[k * d.channels + c];
      place.shift[c] = float(sum);
    }
  }
  return place;
}

}  // namespace alexnode
