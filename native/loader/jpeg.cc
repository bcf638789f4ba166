#include "loader/jpeg.h"

#include <turbojpeg.h>

#include "error.h"

namespace alexnode::loader {

namespace {

const unsigned char* bytes_of(std::span<const std::byte> s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

void* make_decoder() {
  void* handle = tjInitDecompress();
  if (!handle) fail("[data] libjpeg-turbo cannot begin: ", tjGetErrorStr2(nullptr));
  return handle;
}

}  // namespace

JpegDecoder::JpegDecoder() : handle_(make_decoder()) {}

JpegDecoder::~JpegDecoder() { tjDestroy(handle_); }

void JpegDecoder::decode(std::span<const std::byte> jpeg, std::byte* image, const ImageShape& shape) {
  // libjpeg-turbo writes as many bytes a pixel as the format has.
  if (shape.channels != 1 && shape.channels != 3)
    fail("expected 1 or 3 channels of a JPEG, got ", shape.channels);
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (tjDecompressHeader3(handle_, bytes_of(jpeg), jpeg.size(), &width, &height, &subsampling, &colours) != 0)
    refuse();
  if (width != shape.width || height != shape.height)
    fail("expected ", shape.height, "×", shape.width, ", got ", height, "×", width);
  const int format = shape.channels == 1 ? TJPF_GRAY : TJPF_RGB;
  // Warnings too: they leave part of the image grey.
  if (tjDecompress2(handle_, bytes_of(jpeg), jpeg.size(), reinterpret_cast<unsigned char*>(image), width, 0,
                    height, format, 0) != 0)
    refuse();
}

void JpegDecoder::refuse() {
  const std::string reason = tjGetErrorStr2(handle_);
  // After a damaged image a handle (of 2.1.5) fails on intact ones too.
  tjDestroy(handle_);
  handle_ = nullptr;
  handle_ = make_decoder();
  fail(reason);
}

}  // namespace alexnode::loader
