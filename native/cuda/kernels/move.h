// Parameters of move.cu.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// Any layout to any other. Elements of y are numbered as they lie in memory, padding included. The number is
/// written with a digit for each dim and each block of y, and each digit adds its share to the place in x.
struct ReorderParams {
  static constexpr int kDigits = 16, kParts = 24, kPadded = 4;
  /// (digit / unit % size) · stride of the place in x. A digit has several where x has blocks that y has not.
  struct Part {
    i64 unit, size, stride;
  };
  struct Digit {
    i64 size;
    i64 steps[kPadded];  // what one more is to the index of each padded dim
    i32 parts;           // how many of `parts` are this digit's
  };
  void* y;
  const void* x;
  i64 count;             // elements of y
  i32 digits, padded;    // how many there are
  i64 length[kPadded];   // of padded dims; what is beyond is zero
  Digit digit[kDigits];  // the last first
  Part part[kParts];
};

/// y [batches, columns, rows] of x [batches, rows, columns] with strides of its own.
struct TransposeParams {
  static constexpr int kTile = 64;
  void* y;
  const void* x;
  i64 batches, rows, columns;
  i64 batch_stride, row_stride;  // of x, in elements
};

/// y [count] = x [count], of other types.
struct ConvertParams {
  void* y;
  const void* x;
  i64 count;
};

/// Rows of `run` units, which lie at even steps in y and x.
struct CopyRowsParams {
  void* y;
  const void* x;
  i64 rows, run, y_step, x_step;
};

/// Channels from … of x to channels to … of y, in any two layouts.
struct CopyChannelsParams {
  void* y;
  const void* x;
  Image to, from;
  i64 first_to, first_from, channels;
};

/// y's bytes: `value` repeated, or `word` if y is not of a float type.
struct FillParams {
  void* y;
  i64 bytes;
  float value;
  u32 word;
};

}  // namespace alexnode::cuda
