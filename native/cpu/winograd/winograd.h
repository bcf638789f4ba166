// Winograd convolution: 3x3 and 5x5 kernels, stride 1, dilation 1, any padding, groups. Images and filters
// may be bf16; all between is f32.
//
// F(4x4, 3x3) does a 3x3 convolution with 4 times fewer multiplications than the direct sum, F(5x5, 3x3)
// with 4.6, F(6x6, 3x3) with 5.1 and F(4x4, 5x5) with 6.3 times fewer, less what the last tiles of an uneven
// image waste. Method: Lavin & Gray, arXiv:1509.09308. The error, relative to the greatest output, is about
// 2e-6 for F(4x4, 3x3) and 1e-5 for the others.
//
// Nothing here allocates while it runs: the caller gives transformed weights and scratch memory, 64-byte
// aligned. Results are the same bits for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "layout.h"

namespace alexnode::cpu {

namespace winograd {
struct Kernels;
}

// The layouts an image may have; the letters are those of oneDNN.
enum class ImageLayout { abcd, acdb, aBcd8b, aBcd16b };

struct ImageKind {
  ImageLayout layout;
  bool bf16;  // else f32
};

// A forward convolution: x[n, c, h, w], w[groups, k / groups, c / groups, kernel, kernel], y[n, k, ...].
struct WinogradShape {
  int64_t n, c, h, w, k, groups;
  int kernel;
  int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
  int tile = 0;         // outputs of a tile, in height and width; 0: what is expected to be fastest
  bool frozen = false;  // whether the filters are transformed but once

  int64_t out_h() const { return h + pad_top + pad_bottom - kernel + 1; }
  int64_t out_w() const { return w + pad_left + pad_right - kernel + 1; }
};

// What the three directions share: the tile, the blocking, the layouts.
class Winograd {
 public:
  // Channels of a group, in and out, must be multiples of 8 (all channels multiples of 16 for aBcd16b).
  static bool supported(const WinogradShape& shape, ImageKind in, ImageKind out);
  // Whether it is expected to beat a direct convolution, the transform of the weights included.
  bool worthwhile() const;
  std::string describe() const;
  // How transformed filters lie; stride is what was folded to depth.
  WinogradLayout layout(int64_t stride = 1) const;

 protected:
  Winograd(const WinogradShape& shape, ImageKind in, ImageKind out, int threads);

  int64_t tiles() const { return shape_.n * tile_rows_ * tile_columns_; }
  int64_t frequencies() const;
  int64_t panels() const;  // of the output channels of a group
  // Whether one group's transformed weights stay in the last-level cache. Blocks of tiles may then be small
  // enough for V and M to stay nearer; else they are large, to read the weights seldom.
  bool weights_stay_cached() const;
  size_t transformed_bytes() const;  // all groups' weights, transformed

  WinogradShape shape_;
  ImageKind in_, out_;
  int threads_;
  const winograd::Kernels* kernels_;
  int64_t tile_rows_, tile_columns_;
  int64_t in_octets_, out_octets_;  // of a group
};

}  // namespace alexnode::cpu
