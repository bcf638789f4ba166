#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// How an image tensor is cut into blocks of 256 threads; by its shape alone, as sums depend on it.
/// Channels that lie side by side ("lanes"): block x = a tile of channels, block y = a segment of the rows,
/// a row being one pixel's channels; `across` threads share a row.
/// One channel after another ("planes"): block x = a channel, block y = a segment of the rows, a row being up
/// to kPlaneRow pixels of a plane; a warp takes a row.
struct BatchNormTiles {
  Image image;     // where rows follow each other evenly, one image of all pixels
  i64 rows;        // of a tile, or of a channel
  i64 row_pieces;  // planes: rows a plane
  i64 segment_rows;
  i32 segments;
  i32 across, tiles;  // lanes: tiles a block of channels
};
constexpr i64 kPlaneRow = 2048;
constexpr int kAcross = 8;  // at most: 128 bytes of a row

/// Σ (a - shift) and Σ (a - shift)(b - shift): forward of x alone, shifted by the channel's first element, so
/// that nothing cancels; backward of dy, not shifted, with x, shifted by its mean.
struct BatchNormSumsParams {
  BatchNormTiles tiles;
  const void *x, *dy;
  const float* mean;
  double* sums;  // [C][2][segments]
};

struct BatchNormStatsParams {
  const double* sums;
  const void* x;
  float *mean, *var;
  Image image;
  double count;  // elements of a channel
  i32 segments;
};

struct BatchNormSlopesParams {
  const double* sums;
  const float* var;
  float *dscale, *dshift;
  float* both;  // [2][C], or null
  i64 channels;
  float epsilon;
  i32 segments;
};

/// y of x; dx of x and dy, backward.
struct BatchNormApplyParams {
  BatchNormTiles tiles;
  void* y;
  const void *x, *dy;
  const float *scale, *shift, *mean, *var;
  const float *dscale, *dshift;
  float epsilon;
  float least;  // 0 after a fused ReLU, else -∞
  float count;
};

struct BatchNormUpdateParams {
  float *running_mean, *running_var;
  const float *mean, *var;
  const i32* ok;  // or null
  i64 channels;
  float momentum, unbiased;
};

}  // namespace alexnode::cuda
