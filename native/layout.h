// How a tensor's elements lie in memory, in oneDNN's tag notation: letters are dims in physical order, a
// capital one is blocked, trailing number+letter pairs are the blocks inside. "abcd" is NCHW, "acdb" NHWC,
// "aBcd8b" nChw8c. Blocked dims are padded with zeros up to the block.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dtype.h"

namespace alexnode {

using Shape = std::vector<int64_t>;

std::string to_text(const Shape& shape);
int64_t elements(const Shape& shape);

/// The most dims of a tensor, and the most blocks of a layout and the largest: a dim's blocks multiply to
/// 2^48.
inline constexpr size_t kMostDims = 12, kMostBlocks = 4;
inline constexpr int64_t kMostBlock = 4096;

struct Layout {
  std::vector<int> outer;                      // dims, outermost first
  std::vector<std::pair<int, int64_t>> inner;  // (dim, block), outermost first

  /// Throws if `tag` is not a layout of `rank` dims.
  static Layout parse(std::string_view tag, size_t rank);
  int64_t block(int dim) const;
  /// Elements in memory, padding included.
  int64_t elements(const Shape& shape) const;
};

/// Filters [groups,] O, I, R, R transformed for Winograd's method, in f32 whatever their dtype.
/// "winograd5x3s1p32" is F(5x5, 3x3) after a stride of 1 was folded to depth, in panels of 32 outputs. Only
/// the CPU backend writes and reads it. It cannot be transformed back.
struct WinogradLayout {
  int64_t tile, taps, stride, panel;

  static std::optional<WinogradLayout> parse(std::string_view tag);
  std::string tag() const;
  /// From one frequency to the next: an odd number of cache lines, so that the values of a tile do not fall
  /// into the same cache sets.
  static int64_t plane(int64_t floats);
  int64_t floats(const Shape& filters) const;
  bool operator==(const WinogradLayout&) const = default;
};

/// The row-major layout: "ab", "abcd", …
std::string dense_layout(size_t rank);
/// Throws if `tag` is not a layout of such a tensor. Filters may also have one of Winograd's layouts.
void check_layout(std::string_view tag, const Shape& shape, bool filters);
size_t bytes_of(const Shape& shape, DType dtype, std::string_view layout);

/// Where an image tensor [N, C, H, W] keeps element (n, c, pixel): one formula for NCHW, NHWC and nChw8c/16c.
/// Also takes [N, C], as images of one pixel.
struct ImageView {
  int64_t n, c, h, w, pixels;
  int64_t block;                                     // channels that lie side by side
  int64_t image_stride, block_stride, pixel_stride;  // in elements
  int64_t blocks() const { return (c + block - 1) / block; }
  int64_t at(int64_t image, int64_t channel, int64_t pixel) const {
    return image * image_stride + channel / block * block_stride + pixel * pixel_stride + channel % block;
  }
  /// Throws "[op] …" for a layout that has no such formula.
  static ImageView of(std::string_view op, const Shape& shape, std::string_view layout);
};

}  // namespace alexnode
