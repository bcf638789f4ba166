// The kernels of kernels.h, written once on the compiler's vector type and compiled once an instruction set:
// the file that includes this one defines WINOGRAD_ISA (the name of the lookup function), WINOGRAD_LANES
// (floats in a register of the product) and WINOGRAD_ROWS (rows of its register block).
//
// Everything is in an unnamed namespace and uses no inline function of the standard library, so that the
// linker cannot pick a copy compiled for a larger instruction set than the machine's.
#pragma once

#include <cstdint>

#include "cpu/winograd/kernels.h"
#include "cpu/winograd/matrices.h"

namespace alexnode::cpu::winograd {
namespace {

#define WINOGRAD_TEXT(name) #name
#define WINOGRAD_NAME(name) WINOGRAD_TEXT(name)
#define WINOGRAD_INLINE inline __attribute__((always_inline))

using Vec = float __attribute__((vector_size(octet * sizeof(float))));
using Wide = float __attribute__((vector_size(WINOGRAD_LANES * sizeof(float))));

template <class V>
struct Unaligned {
  V value;
} __attribute__((packed, may_alias));

template <class V = Vec>
WINOGRAD_INLINE V load(const void* p) {
  return static_cast<const Unaligned<V>*>(p)->value;
}

template <class V>
WINOGRAD_INLINE void store(void* p, V v) {
  static_cast<Unaligned<V>*>(p)->value = v;
}

// --- bf16, the upper half of an f32
// ---------------------------------------------------------------------------

using Half = uint16_t __attribute__((vector_size(octet * sizeof(uint16_t))));
using Word = uint32_t __attribute__((vector_size(octet * sizeof(uint32_t))));

WINOGRAD_INLINE float widen(uint16_t bits) { return __builtin_bit_cast(float, uint32_t{bits} << 16); }
WINOGRAD_INLINE Vec widen(Half bits) {
  return reinterpret_cast<Vec>(__builtin_convertvector(bits, Word) << 16);
}

// To nearest, ties to even; NaN stays NaN.
WINOGRAD_INLINE Half narrow(Vec value) {
  const Word bits = reinterpret_cast<Word>(value);
  const Word rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
  return __builtin_convertvector((value != value ? quiet : rounded) >> 16, Half);
}

// --- One-dimensional transforms
// -------------------------------------------------------------------------------

template <int M, int R>
struct A {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::a(i, j); }
};
template <int M, int R>
struct B {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::b(i, j); }
};
template <int M, int R>
struct G {
  static constexpr bool paired = Toom<M, R>::paired;
  static constexpr double at(int i, int j) { return Toom<M, R>::g(i, j); }
};

template <double Coefficient>
WINOGRAD_INLINE Vec times(Vec x) {
  if constexpr (Coefficient == 1)
    return x;
  else
    return x * float(Coefficient);
}

template <class Matrix, int I, int From, int End, int Step>
constexpr bool any() {
  for (int j = From; j < End; j += Step) {
    if (Matrix::at(I, j) != 0) return true;
  }
  return false;
}

// Sum over j = From, From + Step, ... < End of matrix[I][j] x[j]; zero coefficients cost nothing.
template <class Matrix, int I, int From, int End, int Step>
WINOGRAD_INLINE Vec dot(const Vec* x) {
  if constexpr (From >= End)
    return Vec{};
  else if constexpr (Matrix::at(I, From) == 0)
    return dot<Matrix, I, From + Step, End, Step>(x);
  else if constexpr (!any<Matrix, I, From + Step, End, Step>())
    return times<Matrix::at(I, From)>(x[From]);
  else
    return times<Matrix::at(I, From)>(x[From]) + dot<Matrix, I, From + Step, End, Step>(x);
}

// y[Size] = matrix x[Columns]. The rows of a pair of points share their even and their odd parts.
template <class Matrix, int Size, int Columns, int I = 0>
WINOGRAD_INLINE void expand(Vec* y, const Vec* x) {
  if constexpr (I == 0 || I == Size - 1 || !Matrix::paired) {
    y[I] = dot<Matrix, I, 0, Columns, 1>(x);
    if constexpr (I < Size - 1) expand<Matrix, Size, Columns, I + 1>(y, x);
  } else {
    const Vec even = dot<Matrix, I, 0, Columns, 2>(x), odd = dot<Matrix, I, 1, Columns, 2>(x);
    y[I] = even + odd;
    y[I + 1] = even - odd;
    expand<Matrix, Size, Columns, I + 2>(y, x);
  }
}

// Column J of a matrix as a row, over all points, or over 0, the positive points and infinity.
template <class Matrix>
struct Transposed {
  static constexpr double at(int j, int i) { return Matrix::at(i, j); }
};
template <class Matrix>
struct Halved {
  static constexpr double at(int j, int i) { return i == 0 ? Matrix::at(0, j) : Matrix::at(2 * i - 1, j); }
};

// y[j] = row j of Rows times x: `even` for even j, `odd` for odd j.
template <class Rows, int Size, int Columns, int J = 0>
WINOGRAD_INLINE void columns(Vec* y, const Vec* even, const Vec* odd) {
  if constexpr (J < Columns) {
    y[J] = dot<Rows, J, 0, Size, 1>(J % 2 ? odd : even);
    columns<Rows, Size, Columns, J + 1>(y, even, odd);
  }
}

// y[Columns] = matrix^T x[Size].
template <class Matrix, int Size, int Columns>
WINOGRAD_INLINE void contract(Vec* y, const Vec* x) {
  if constexpr (Matrix::paired) {
    constexpr int half = Size / 2;
    Vec even[half + 1], odd[half + 1];
    even[0] = odd[0] = x[0];
    even[half] = odd[half] = x[Size - 1];
#pragma GCC unroll 4
    for (int i = 1; i < half; ++i) {
      even[i] = x[2 * i - 1] + x[2 * i];
      odd[i] = x[2 * i - 1] - x[2 * i];
    }
    columns<Halved<Matrix>, half + 1, Columns>(y, even, odd);
  } else {
    columns<Transposed<Matrix>, Size, Columns>(y, x, x);
  }
}

// --- Tiles
// ----------------------------------------------------------------------------------------------------

struct Place {
  int64_t n, y, x;  // first pixel of a tile; it may lie in the padding
};

WINOGRAD_INLINE Place place(const Tiling& tiling, int64_t t, int step) {
  const int64_t line = t / tiling.columns;
  return {line / tiling.rows, line % tiling.rows * step - tiling.top,
          t % tiling.columns * step - tiling.left};
}

// Size x Size pixels of eight channels and the strides to walk them: the image itself where that can be, else
// a copy. What lies outside of the image is zero.
struct Source {
  const float* data;
  int64_t row, pixel;
};

// Not a template, nor inline: there are many callers, and the size of the addon counts.
__attribute__((noinline)) void copy(Vec* to, int size, const Image& image, int64_t start, const Place& at) {
  const auto* floats = static_cast<const float*>(image.data);
  const auto* halves = static_cast<const uint16_t*>(image.data);
  for (int y = 0; y < size; ++y, start += image.row) {
    const bool row = at.y + y >= 0 && at.y + y < image.height;
    for (int x = 0; x < size; ++x, ++to) {
      const int64_t from = start + x * image.pixel;
      if (!row || at.x + x < 0 || at.x + x >= image.width) {
        *to = Vec{};
      } else if (image.lane == 1) {
        *to = image.bf16 ? widen(load<Half>(halves + from)) : load(floats + from);
      } else {
        for (int lane = 0; lane < octet; ++lane) {
          const int64_t one = from + lane * image.lane;
          (*to)[lane] = image.bf16 ? widen(halves[one]) : floats[one];
        }
      }
    }
  }
}

template <int Size>
WINOGRAD_INLINE Source gather(Vec* staged, const Image& image, int64_t n, int64_t q, const Place& at) {
  const bool inside = at.y >= 0 && at.x >= 0 && at.y + Size <= image.height && at.x + Size <= image.width;
  const int64_t start = image.at(n, q, at.y, at.x);
  if (inside && image.lane == 1 && !image.bf16)
    return {static_cast<const float*>(image.data) + start, image.row, image.pixel};
  if (inside && image.lane == 1) {
    for (int y = 0; y < Size; ++y) {
      const auto* from = static_cast<const uint16_t*>(image.data) + start + y * image.row;
#pragma GCC unroll 8
      for (int x = 0; x < Size; ++x) staged[y * Size + x] = widen(load<Half>(from + x * image.pixel));
    }
  } else {
    copy(staged, Size, image, start, at);
  }
  return {reinterpret_cast<const float*>(staged), Size * octet, octet};
}

__attribute__((noinline)) void scatter(const Image& image, int64_t to, Vec value) {
  const Half half = narrow(value);
  for (int lane = 0; lane < octet; ++lane, to += image.lane) {
    if (image.bf16)
      static_cast<uint16_t*>(image.data)[to] = half[lane];
    else
      static_cast<float*>(image.data)[to] = value[lane];
  }
}

WINOGRAD_INLINE void write(const Image& image, int64_t to, Vec value) {
  if (image.lane != 1)
    scatter(image, to, value);
  else if (image.bf16)
    store(static_cast<uint16_t*>(image.data) + to, narrow(value));
  else
    store(static_cast<float*>(image.data) + to, value);
}

// planes[t][q] = T pixels T^T for tiles of From x From pixels, T = matrix[Size, From]. sums, where given, has
// the sum of each channel's pixels added to it.
template <class Matrix, int Size, int From, int Step, bool Sum>
WINOGRAD_INLINE void tiles_in(Planes planes, float* sums, const Image& image, const Tiling& tiling,
                              Range tiles, int64_t first, Range octets, int64_t octet0) {
  for (int64_t t = tiles.begin; t < tiles.end; ++t) {
    const Place at = place(tiling, t, Step);
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec staged[From * From], half[Size * From];
      const Source source = gather<From>(staged, image, at.n, octet0 + q, at);
      Vec sum{};
#pragma GCC unroll 1
      for (int j = 0; j < From; ++j) {
        Vec x[From], y[Size];
#pragma GCC unroll 8
        for (int i = 0; i < From; ++i) x[i] = load(source.data + i * source.row + j * source.pixel);
        if constexpr (Sum) {
#pragma GCC unroll 8
          for (int i = 0; i < From; ++i) sum += x[i];
        }
        expand<Matrix, Size, From>(y, x);
#pragma GCC unroll 8
        for (int i = 0; i < Size; ++i) half[i * From + j] = y[i];
      }
      if constexpr (Sum) store(sums + q * octet, load(sums + q * octet) + sum);
      float* to = planes.at(t - first, q);
#pragma GCC unroll 1
      for (int i = 0; i < Size; ++i) {
        Vec y[Size];
        expand<Matrix, Size, From>(y, half + i * From);
#pragma GCC unroll 8
        for (int j = 0; j < Size; ++j) store(to + (i * Size + j) * planes.plane, y[j]);
      }
    }
  }
}

template <int M, int R>
void input(Planes v, const Image& x, const Tiling& tiling, Range tiles, int64_t first, Range octets,
           int64_t octet0) {
  constexpr int size = M + R - 1;
  tiles_in<B<M, R>, size, size, M, false>(v, nullptr, x, tiling, tiles, first, octets, octet0);
}

template <int M, int R>
void gradient(Planes w, float* sums, const Image& dy, const Tiling& tiling, Range tiles, int64_t first,
              Range octets, int64_t octet0) {
  tiles_in<A<M, R>, M + R - 1, M, M, true>(w, sums, dy, tiling, tiles, first, octets, octet0);
}

template <int M, int R>
void output(const Image& image, Planes planes, const Tiling& tiling, Range tiles, int64_t first, Range octets,
            int64_t octet0, const float* bias, bool relu) {
  constexpr int size = M + R - 1;
  for (int64_t t = tiles.begin; t < tiles.end; ++t) {
    const Place at = place(tiling, t, M);
    const int64_t height = image.height - at.y < M ? image.height - at.y : M;
    const int64_t width = image.width - at.x < M ? image.width - at.x : M;
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec half[M * size];
      const float* from = planes.at(t - first, q);
#pragma GCC unroll 1
      for (int j = 0; j < size; ++j) {
        Vec x[size], y[M];
#pragma GCC unroll 8
        for (int i = 0; i < size; ++i) x[i] = load(from + (i * size + j) * planes.plane);
        contract<A<M, R>, size, M>(y, x);
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) half[i * size + j] = y[i];
      }
      const Vec shift = bias ? load(bias + (octet0 + q) * octet) : Vec{};
      const Vec floor = relu ? Vec{} : Vec{} - __builtin_inff();
      const int64_t start = image.at(at.n, octet0 + q, at.y, at.x);
      for (int i = 0; i < height; ++i) {
        Vec y[M];
        contract<A<M, R>, size, M>(y, half + i * size);
#pragma GCC unroll 8
        for (int j = 0; j < M; ++j) {
          if (j >= width) break;
          Vec value = y[j] + shift;
          value = value < floor ? floor : value;  // lets NaN through
          write(image, start + i * image.row + j * image.pixel, value);
        }
      }
    }
  }
}

// --- Filters
// --------------------------------------------------------------------------------------------------

template <int M, int R>
void filters(Planes u, const Filters& w, Range rows, Range octets) {
  constexpr int size = M + R - 1, taps = R * R;
  for (int64_t c = rows.begin; c < rows.end; ++c) {
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      const int64_t start = q * octet * w.column + c * w.row;
      Vec x[taps], half[size * R];
      for (int tap = 0; tap < taps; ++tap) {
        const int64_t from = start + (w.flipped ? taps - 1 - tap : tap);
        for (int lane = 0; lane < octet; ++lane) {
          const int64_t one = from + lane * w.column;
          x[tap][lane] = w.bf16 ? widen(static_cast<const uint16_t*>(w.data)[one])
                                : static_cast<const float*>(w.data)[one];
        }
      }
      for (int j = 0; j < R; ++j) {
        Vec column[R], y[size];
        for (int i = 0; i < R; ++i) column[i] = x[i * R + j];
        expand<G<M, R>, size, R>(y, column);
        for (int i = 0; i < size; ++i) half[i * R + j] = y[i];
      }
      float* to = u.at(c, q);
      for (int i = 0; i < size; ++i) {
        Vec y[size];
        expand<G<M, R>, size, R>(y, half + i * R);
        for (int j = 0; j < size; ++j) store(to + (i * size + j) * u.plane, y[j]);
      }
    }
  }
}

template <int M, int R>
void filters_adjoint(Planes u, const Filters& w, Range rows, Range octets) {
  constexpr int size = M + R - 1;
  for (int64_t c = rows.begin; c < rows.end; ++c) {
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec half[R * size];
      const float* from = u.at(c, q);
      for (int j = 0; j < size; ++j) {
        Vec x[size], y[R];
        for (int i = 0; i < size; ++i) x[i] = load(from + (i * size + j) * u.plane);
        contract<G<M, R>, size, R>(y, x);
        for (int i = 0; i < R; ++i) half[i * size + j] = y[i];
      }
      float* to = static_cast<float*>(w.data) + q * octet * w.column + c * w.row;
      for (int i = 0; i < R; ++i) {
        Vec y[R];
        contract<G<M, R>, size, R>(y, half + i * size);
        for (int j = 0; j < R; ++j) {
          for (int lane = 0; lane < octet; ++lane) to[lane * w.column + i * R + j] = y[j][lane];
        }
      }
    }
  }
}

// --- Products
// -------------------------------------------------------------------------------------------------

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

template <int M, int R>
constexpr Kernels kernels = {
    WINOGRAD_NAME(WINOGRAD_ISA),
    M,
    R,
    M + R - 1,
    panel,
    block_rows,
    input<M, R>,
    output<M, R>,
    gradient<M, R>,
    filters<M, R>,
    filters_adjoint<M, R>,
    product,
    product_adjoint,
};

}  // namespace

const Kernels* WINOGRAD_ISA(int tile, int taps) {
  if (tile == 4 && taps == 3) return &kernels<4, 3>;
  if (tile == 5 && taps == 3) return &kernels<5, 3>;
  if (tile == 6 && taps == 3) return &kernels<6, 3>;
  if (tile == 4 && taps == 5) return &kernels<4, 5>;
  return nullptr;
}

}  // namespace alexnode::cpu::winograd
