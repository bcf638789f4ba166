// Resamples pictures as Pillow does with its filter BILINEAR: a triangle that is as wide as the pixels of the
// smaller picture, first along rows, then along columns, with whole numbers in between. Source: Pillow,
// src/libImaging/Resample.c; torchvision's Resize of PIL images is that function.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "loader/jpeg.h"

namespace alexnode::loader {

/// The part of a resampled picture that is wanted.
struct Window {
  int top, left, height, width;
};

/// u8 [row, column, channel]: the window of `image`, u8 of `shape`, resampled to `rows` × `columns`.
std::vector<uint8_t> resample(const uint8_t* image, const ImageShape& shape, int rows, int columns,
                              const Window& window);

}  // namespace alexnode::loader
