// The products between planes, in register blocks of WINOGRAD_ROWS rows and two registers of WINOGRAD_LANES
// floats.
#pragma once

#include <cstdint>

#include "cpu/winograd/isa/vectors.h"

namespace alexnode::cpu::winograd {
namespace {

using Wide = float __attribute__((vector_size(WINOGRAD_LANES * sizeof(float))));

constexpr int lanes = WINOGRAD_LANES, block_rows = WINOGRAD_ROWS, vectors = 2, panel = vectors * lanes;

// c[Rows, panel] (+)= a[Rows, depth] b[depth, panel]; rows of b and c are contiguous. Across: whether the
// rows of a (else its columns) are neighbours in memory, the other stride being `stride`.
template <int Rows, bool Across, bool Add>
WINOGRAD_INLINE void block(float* c, const float* a, int64_t stride, const float* b, int64_t depth) {
  Wide sum[Rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) sum[r][v] = Wide{};
  }
#pragma GCC unroll 2
  for (int64_t l = 0; l < depth; ++l) {
    Wide right[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) right[v] = load<Wide>(b + l * panel + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const float left = Across ? a[l * stride + r] : a[r * stride + l];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      float* p = c + r * panel + v * lanes;
      store(p, Add ? load<Wide>(p) + sum[r][v] : sum[r][v]);
    }
  }
}

template <bool Across, bool Add, int Rows = block_rows>
void blocks(int64_t rows, float* c, const float* a, int64_t stride, const float* b, int64_t depth) {
  if constexpr (Rows > 0) {
    for (; rows >= Rows; rows -= Rows) {
      block<Rows, Across, Add>(c, a, stride, b, depth);
      c += Rows * panel;
      a += Across ? Rows : Rows * stride;
    }
    if (rows) blocks<Across, Add, Rows - 1>(rows, c, a, stride, b, depth);
  }
}

void product(float* m, const Planes& ms, const float* v, const Planes& vs, const float* u, const Planes& us,
             int64_t rows, int64_t depth, Range panels) {
  for (int64_t p = panels.begin; p < panels.end; ++p) {
    blocks<false, false>(rows, m + p * ms.panel, v, vs.row, u + p * us.panel, depth);
  }
}

void product_adjoint(float* s, const Planes& ss, const float* v, const Planes& vs, const float* w,
                     const Planes& ws, Range rows, int64_t depth, Range panels, bool first) {
  for (int64_t p = panels.begin; p < panels.end; ++p) {
    float* to = s + p * ss.panel + rows.begin * panel;
    const auto run = first ? blocks<true, false> : blocks<true, true>;
    run(rows.end - rows.begin, to, v + rows.begin, vs.row, w + p * ws.panel, depth);
  }
}

}  // namespace
}  // namespace alexnode::cpu::winograd
