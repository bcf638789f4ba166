// Shared by normalisation across channels and within a map: the power of the scale, and sums over windows of
// neighbours at a fixed step in a flat array that has zeros wherever a window may reach outside.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "cpu/simd/math.h"
#include "ops/lrn.h"

namespace alexnode::cpu {

/// s^-beta and 1/s, for s > 0.
struct PowerQuarters3 {  // beta = 3/4
  ALEXNODE_INLINE void operator()(float s, float& power, float& inverse) const {
    // z = s^-¼: a guess from the exponent's bits, good to 3 %, times (1 - t)^-¼ for the rest, a polynomial
    // that is off by 8e-9. A third of the time of square roots and a division. Of infinity the polynomial
    // would make -infinity, which a max pooling after it hides.
    constexpr float most = std::numeric_limits<float>::max();
    s = s > most ? most : s;
    float z = std::bit_cast<float>(0x4f581800 - (std::bit_cast<int32_t>(s) >> 2));
    const float t = 1.f - s * ((z * z) * (z * z));
    float q = .08277725f;
    q = q * t + .0968585f;
    q = q * t + .11717196f;
    q = q * t + .15624055f;
    q = q * t + .25000003f;
    q = q * t + 1.f;
    z *= q;
    const float square = z * z;
    power = square * z;
    inverse = square * square;
  }
};
struct PowerAny {
  float beta;
  ALEXNODE_INLINE void operator()(float s, float& power, float& inverse) const {
    power = exp_(-beta * log_(s));
    inverse = 1.f / s;
  }
};

/// Σ term(in[i + d·step]) for d from -back to ahead. Size is back + ahead + 1, or 0 if that is unknown at
/// compile time.
template <int Size>
struct Window {
  int64_t back, ahead, step;
  /// The cells whose windows hold a cell.
  Window mirrored() const { return {ahead, back, step}; }
  template <class Term>
  ALEXNODE_INLINE float sum(const float* in, const Term& term) const {
    float s = 0;
#pragma GCC unroll 8
    for (int d = 0; d < Size; d++) s += term(in[(d - Size / 2) * step]);
    return s;
  }
  /// out[i] = the sum, pass by pass, each in vector code.
  template <class Term>
  ALEXNODE_INLINE void sums(float* out, const float* in, int64_t n, const Term& term) const {
    std::fill_n(out, n, 0.f);
    for (int64_t d = -back; d <= ahead; d++) {
      const float* from = in + d * step;
#pragma omp simd
      for (int64_t i = 0; i < n; i++) out[i] += term(from[i]);
    }
  }
};

struct Square {
  ALEXNODE_INLINE float operator()(float x) const { return x * x; }
};
struct Itself {
  ALEXNODE_INLINE float operator()(float x) const { return x; }
};

/// make(Power), with the paper's exponent as a case of its own.
template <class F>
KernelPtr with_power(float beta, const F& make) {
  return beta == .75f ? make(PowerQuarters3{}) : make(PowerAny{beta});
}

}  // namespace alexnode::cpu
