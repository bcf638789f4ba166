// Parameters of lrn.cu.
#pragma once
#include "cuda/kernels/prelude.h"

namespace alexnode::cuda {

/// Windows of the paper's five channels, where channels lie side by side and groups are whole lanes.
struct LrnLinesParams {
  static constexpr int kOwn = 30;  // chunks that a warp is to write
  void* y;                         // dx
  const void *x, *dy;
  i64 chunks, chunks_in_group;
  float alpha, beta, k;
  bool relu;
};

/// Windows of any size along channels, rows and columns, in any layout.
struct LrnBoxParams {
  void* y;  // dx
  const void *x, *dy;
  float* ratios;  // backward's terms, dy·x·scale^(-beta - 1), as x lies
  Image v;
  i64 count;              // elements, padding included
  i64 group;              // channels that windows stay in
  i64 back[3], ahead[3];  // how far a window reaches: channels, rows, columns
  float alpha, beta, k;
  bool relu;
};

}  // namespace alexnode::cuda
