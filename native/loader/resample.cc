#include "loader/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "error.h"

namespace alexnode::loader {

namespace {

/// Weights are whole multiples of 2^-22: with pixels of 8 bits their sums fit in 32.
constexpr int kBits = 32 - 8 - 2;

/// The largest picture that sharp decodes by default.
constexpr int64_t kMostPixels = 0x3FFF * 0x3FFF;

/// Which pixels make one of the result, and their weights.
struct Taps {
  int from, count;
  const int* weights;
};

/// The taps of the results `first` … `first + count - 1` of `out`, from `in` pixels.
class Filter {
 public:
  Filter(int in, int out, int first, int count) {
    const double scale = double(in) / out, spread = std::max(scale, 1.0);
    const size_t most = size_t(std::ceil(spread)) * 2 + 1;
    weights_.resize(most * size_t(count));
    std::vector<double> shares(most);
    for (int i = 0; i < count; i++) {
      const double centre = (first + i + 0.5) * scale;
      const int from = std::max(0, int(centre - spread + 0.5));
      const int size = std::min(in, int(centre + spread + 0.5)) - from;
      double sum = 0;
      for (int k = 0; k < size; k++) {
        const double far = std::abs((k + from - centre + 0.5) * (1 / spread));
        sum += shares[size_t(k)] = far < 1 ? 1 - far : 0;
      }
      int* to = &weights_[most * size_t(i)];
      for (int k = 0; k < size; k++) {
        const double share = sum == 0 ? shares[size_t(k)] : shares[size_t(k)] / sum;
        to[k] = int(0.5 + share * (1 << kBits));
      }
      taps_.push_back({from, size, to});
    }
  }
  const Taps& operator[](int i) const { return taps_[size_t(i)]; }
  int begin() const { return taps_.front().from; }
  int end() const { return taps_.back().from + taps_.back().count; }

 private:
  std::vector<int> weights_;
  std::vector<Taps> taps_;
};

uint8_t rounded(int sum) { return uint8_t(std::clamp(sum >> kBits, 0, 255)); }

template <int channels>
void row_of(const uint8_t* row, const Filter& filter, int columns, uint8_t* out) {
  for (int x = 0; x < columns; x++) {
    const auto [from, count, weights] = filter[x];
    int sums[channels];
    std::fill(sums, sums + channels, 1 << (kBits - 1));
    const uint8_t* pixel = row + size_t(from) * channels;
    for (int k = 0; k < count; k++, pixel += channels)
      for (int c = 0; c < channels; c++) sums[c] += pixel[c] * weights[k];
    for (int c = 0; c < channels; c++) *out++ = rounded(sums[c]);
  }
}

}  // namespace

std::vector<uint8_t> resample(const uint8_t* image, const ImageShape& shape, int rows, int columns,
                              const Window& window) {
  const auto& [top, left, height, width] = window;
  if (top < 0 || left < 0 || height < 1 || width < 1 || top > rows - height || left > columns - width)
    fail("[photos] expected a window of ", rows, "×", columns, ", got ", height, "×", width, " at ", top,
         ", ", left);
  if (shape.channels != 1 && shape.channels != 3)
    fail("[photos] expected 1 or 3 channels, got ", shape.channels);
  // Columns are resampled first, in as many rows as the image has.
  if (int64_t(std::max(shape.height, height)) * width > kMostPixels)
    fail("[photos] expected a window of at most ", kMostPixels, " pixels, as high as the image, got ", width,
         " columns of ", std::max(shape.height, height), " rows");
  const size_t channels = size_t(shape.channels);
  const Filter across(shape.width, columns, left, width), down(shape.height, rows, top, height);
  const size_t pitch = size_t(width) * channels;
  std::vector<uint8_t> narrow(size_t(down.end() - down.begin()) * pitch);
  for (int y = down.begin(); y < down.end(); y++) {
    const uint8_t* row = image + size_t(y) * size_t(shape.width) * channels;
    uint8_t* to = &narrow[size_t(y - down.begin()) * pitch];
    channels == 3 ? row_of<3>(row, across, width, to) : row_of<1>(row, across, width, to);
  }
  std::vector<uint8_t> out(size_t(height) * pitch);
  std::vector<int> sums(pitch);
  for (int y = 0; y < height; y++) {
    const auto [from, count, weights] = down[y];
    std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
    for (int k = 0; k < count; k++) {
      const uint8_t* row = &narrow[size_t(from + k - down.begin()) * pitch];
      for (size_t i = 0; i < pitch; i++) sums[i] += row[i] * weights[k];
    }
    uint8_t* to = &out[size_t(y) * pitch];
    for (size_t i = 0; i < pitch; i++) to[i] = rounded(sums[i]);
  }
  return out;
}

}  // namespace alexnode::loader
