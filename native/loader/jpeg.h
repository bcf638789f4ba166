// JPEG to RGB by libjpeg-turbo. A decoder keeps its tables between images; each thread has one.
#pragma once
#include <cstddef>
#include <span>

#include "sizes.h"

namespace alexnode::loader {

/// Rows, columns and channels of an image in memory: u8, [row, column, channel].
struct ImageShape {
  int height, width, channels;
  size_t bytes() const { return size_t(product(height, width, channels)); }
};

class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  /// Fills `image`, RGB or grey. Throws if it is not a JPEG of that size, or is damaged, and for other
  /// channels than 3 or 1.
  void decode(std::span<const std::byte> jpeg, std::byte* image, const ImageShape& shape);

 private:
  /// Throws libjpeg-turbo's message about the image.
  [[noreturn]] void refuse();
  void* handle_;
};

}  // namespace alexnode::loader
