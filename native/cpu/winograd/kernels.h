// What one instruction set provides to Winograd convolution: tile transforms and the products between them.
//
// Transformed values lie in S*S planes, one a frequency. A plane is a matrix of rows (tiles or channels)
// whose columns are channels, seen eight at a time ("octets"): either whole rows, or panels of `panel`
// columns.
#pragma once

#include <cstdint>

namespace alexnode::cpu::winograd {

constexpr int octet = 8;

// An image tensor [n, c, h, w], of f32 or bf16, in any layout that keeps, or can gather, eight neighbouring
// channels.
struct Image {
  void* data;
  bool bf16;
  int64_t height, width;
  int64_t image, row, pixel;  // strides, in elements
  int64_t pair, odd;          // octet q begins at (q / 2) * pair + (q % 2) * odd
  int64_t lane;               // stride between the channels of an octet

  // Where pixel (y, x) of an octet lies, in elements; it need not be in the image.
  int64_t at(int64_t n, int64_t q, int64_t y, int64_t x) const {
    return n * image + (q / 2) * pair + (q % 2) * odd + y * row + x * pixel;
  }
};

// How an image is cut into tiles: tile t = (n * rows + y) * columns + x has its first output at (y * M, x *
// M).
struct Tiling {
  int64_t rows, columns, top, left;  // top and left: padding between the first tile and the image
};

// Frequency f, row t, octet q lie at data + f * plane + t * row + (q / per) * panel + (q % per) * 8.
struct Planes {
  float* data;
  int64_t plane, row, panel;
  int per;

  float* at(int64_t t, int64_t q) const { return data + t * row + (q / per) * panel + (q % per) * octet; }
};

struct Range {
  int64_t begin, end;
};

// Where the filter tap (y, x) between column channel k and row channel c lies: data + k * column + c * row +
// tap.
struct Filters {
  void* data;
  bool bf16;  // else f32
  int64_t column, row;
  bool flipped;
};

struct Kernels {
  const char* isa;
  int tile, taps, size;  // M, R, S
  int panel;             // columns of a panel
  int rows;              // rows of the register block

  // v[t - first][q] = B^T x B for tiles t and octets q; octet q of the planes is octet0 + q of the image.
  void (*input)(Planes v, const Image& x, const Tiling& tiling, Range tiles, int64_t first, Range octets,
                int64_t octet0);
  // y = A^T m A + bias, negative values cut when relu.
  void (*output)(const Image& y, Planes m, const Tiling& tiling, Range tiles, int64_t first, Range octets,
                 int64_t octet0, const float* bias, bool relu);
  // w[t - first][q] = A dy A^T: the adjoint of `output`. sums[q] += the sum of the tile's pixels.
  void (*gradient)(Planes w, float* sums, const Image& dy, const Tiling& tiling, Range tiles, int64_t first,
                   Range octets, int64_t octet0);
  // u[c][q] = G w G^T, and its adjoint, w[c][q] = G^T u G, of f32.
  void (*filters)(Planes u, const Filters& w, Range rows, Range octets);
  void (*filters_adjoint)(Planes u, const Filters& w, Range rows, Range octets);
  // m[t][p] = sum over c of v[t][c] u[c][p], for one frequency and the given panels.
  void (*product)(float* m, const Planes& ms, const float* v, const Planes& vs, const float* u,
                  const Planes& us, int64_t rows, int64_t depth, Range panels);
  // s[c][p] += sum over t of v[t][c] w[t][p] (or =, when first).
  void (*product_adjoint)(float* s, const Planes& ss, const float* v, const Planes& vs, const float* w,
                          const Planes& ws, Range rows, int64_t depth, Range panels, bool first);
};

// Null when there is no such kernel, or not on this kind of processor.
const Kernels* portable(int tile, int taps);
const Kernels* avx2(int tile, int taps);
const Kernels* avx512(int tile, int taps);

/// Those of the largest instruction set that this machine has; null if there are none of this tile.
const Kernels* find_kernels(int tile, int taps);

}  // namespace alexnode::cpu::winograd
