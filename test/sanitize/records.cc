// What libFuzzer changes: a record as a loader reads it, and a layout. Bytes 0 to 3 choose what is done.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "layout.h"
#include "loader/crc32.h"
#include "loader/jpeg.h"
#include "loader/stored_file.h"

using namespace alexnode;

namespace {

/// An image of up to 64×64, right behind whose end nothing may be written.
void decode(std::span<const std::byte> jpeg, const uint8_t* choice) {
  const loader::ImageShape shape{choice[1] % 64 + 1, choice[2] % 64 + 1, choice[3] % 4 + 1};
  static loader::JpegDecoder decoder;
  const std::vector<std::byte> copy(jpeg.begin(), jpeg.end());  // of its exact size
  std::vector<std::byte> image(shape.bytes());
  decoder.decode(copy, image.data(), shape);
}

/// A part of a file whose place is drawn from the bytes.
void read(std::span<const std::byte> bytes, const uint8_t* choice) {
  char path[] = "/tmp/alexnode-fuzz-XXXXXX";
  const int file = mkstemp(path);
  const bool written = write(file, bytes.data(), bytes.size()) == ssize_t(bytes.size());
  close(file);
  try {
    const loader::StoredFile stored(path);
    std::vector<std::byte> part(choice[2]);
    const size_t offset = choice[1] == 255 ? SIZE_MAX - choice[3] : choice[1];
    if (written) stored.expect(offset, part.size()), stored.read(part, offset), loader::crc32(part);
  } catch (...) {
    unlink(path);
    throw;
  }
  unlink(path);
}

/// A layout of a shape whose dims may be as large as a call allows.
void lay(std::span<const std::byte> bytes, const uint8_t* choice) {
  const std::string_view tag(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Shape shape(choice[1] % 6 + 1, 3);
  shape[choice[2] % shape.size()] = int64_t(1) << choice[3] % 41;
  check_layout(tag, shape, true);
  bytes_of(shape, DType::f32, tag);
  if (shape.size() == 4) ImageView::of("fuzz", shape, tag);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data) + 4, size - 4);
  try {
    if (data[0] % 8 == 0)
      read(rest, data);
    else if (data[0] % 2)
      lay(rest, data);
    else
      decode(rest, data);
  } catch (const Error&) {
    // Refused.
  }
  return 0;
}
