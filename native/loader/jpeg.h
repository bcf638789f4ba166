// JPEG to RGB by libjpeg-turbo. A decoder keeps its tables between images; each thread has one.
#pragma once
#include <cstddef>
#include <span>

namespace alexnode::loader {

/// Rows, columns and channels of an image in memory: u8, [row, column, channel].
struct ImageShape {
  int height, width, channels;
  size_t bytes() const { return size_t(height) * size_t(width) * size_t(channels); }
};

class JpegDecoder {
 public:
  JpegDecoder();
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  /// Fills `image`, RGB or grey. Throws if it is not a JPEG of that size, or is damaged.
  void decode(std::span<const std::byte> jpeg, std::byte* image, const ImageShape& shape);

 private:
  /// Throws libjpeg-turbo's message about the image.
  [[noreturn]] void refuse();
  void* handle_;
};

}  // namespace alexnode::loader
