// exp, log and functions of them, without branches, so that loops over them are vectorised. Errors are a few
// units in the last place. Polynomials: Cephes (Moshier), in single precision.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "cpu/simd/simd.h"

namespace alexnode::cpu {

/// 2^n for n from -126 to 127.
ALEXNODE_INLINE float power_of_two(int32_t n) { return std::bit_cast<float>(uint32_t(n + 127) << 23); }

ALEXNODE_INLINE float exp_(float x) {
  x = x > 89.f ? 89.f : x;
  x = x < -104.f ? -104.f : x;
  const float shifted = x * 1.44269504088896341f + 12582912.f;  // 1.5 · 2^23: rounds to a whole number
  const float n = shifted - 12582912.f;
  const float r = (x - n * .693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  // In two steps, as 2^n alone may lie outside the normal numbers.
  const int32_t i = std::bit_cast<int32_t>(shifted) - 0x4b400000, half = i >> 1;
  return p * power_of_two(half) * power_of_two(i - half);
}

/// Of normal x > 0.
ALEXNODE_INLINE float log_(float x) {
  // Unsigned, since NaN, and numbers that are not above 0, wrap around.
  const auto bits = std::bit_cast<uint32_t>(x);
  const int32_t e = int32_t(bits - 0x3f3504f3u) >> 23;  // so that the mantissa is in [√½, √2)
  const float m = std::bit_cast<float>(bits - (uint32_t(e) << 23)) - 1.f;
  const float z = m * m, n = float(e);
  float p = 7.0376836292e-2f;
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float y = m + ((p * m * z - 2.12194440e-4f * n) - .5f * z) + .693359375f * n;
  // NaN and infinity come back as they are.
  return int32_t(bits) >= 0x7f800000 ? x : y;
}

ALEXNODE_INLINE float sigmoid_(float x) { return 1.f / (1.f + exp_(-x)); }

ALEXNODE_INLINE float tanh_(float x) {
  const float z = x * x, size = x < 0 ? -x : x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z + -5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z + -3.33332819422e-1f;
  const float small = p * z * x + x;
  const float large = 1.f - 2.f / (exp_(2.f * size) + 1.f);
  return size < .625f ? small : x < 0 ? -large : large;
}

}  // namespace alexnode::cpu
