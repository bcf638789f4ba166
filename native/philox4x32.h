// Counter-based random numbers, as every backend draws them: a number depends on a seed, a step, a purpose
// and its index alone. Philox4x32-10 is from Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011; the transform to normal numbers is Box and Muller's, 1958.
//
// Everything here is integer arithmetic or one exactly rounded IEEE operation after another, so all machines
// give the same bits, provided that the compiler joins no multiply and add: compile what includes this file
// with -ffp-contract=off (CMake does so for native/cpu/philox*.cc), or -fmad=false in CUDA.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define ALEXNODE_PHILOX __host__ __device__ __forceinline__
#else
#define ALEXNODE_PHILOX inline __attribute__((always_inline))
#endif

namespace alexnode {

/// What a stream of numbers is drawn from: rng = seed (2 words), step, first sample; and the purpose.
struct PhiloxKey {
  uint32_t seed_low, seed_high, step, purpose;
};

/// The four words of the counter (index, step, purpose), in place.
ALEXNODE_PHILOX void philox(const PhiloxKey& key, uint64_t index, uint32_t out[4]) {
  uint32_t c0 = uint32_t(index), c1 = uint32_t(index >> 32), c2 = key.step, c3 = key.purpose;
  uint32_t k0 = key.seed_low, k1 = key.seed_high;
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t(0xd2511f53u) * c0, b = uint64_t(0xcd9e8d57u) * c2;
    c0 = uint32_t(b >> 32) ^ c1 ^ k0, c1 = uint32_t(b);
    c2 = uint32_t(a >> 32) ^ c3 ^ k1, c3 = uint32_t(a);
    k0 += 0x9e3779b9u, k1 += 0xbb67ae85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/// A word as a fraction in [0, 1): its upper 24 bits, exact.
ALEXNODE_PHILOX float to_uniform(uint32_t word) { return float(int32_t(word >> 8)) * 0x1p-24f; }

/// Two normal numbers of two words. Polynomials: Cephes (Moshier), in single precision.
ALEXNODE_PHILOX void to_normal(uint32_t first, uint32_t second, float& z0, float& z1) {
  // ln u, with u = (upper 24 bits + 1) · 2^-24 in (0, 1]: u = (1 + m) · 2^e, 1 + m in [√½, √2).
  const int32_t bits = std::bit_cast<int32_t>(float(int32_t(first >> 8) + 1) * 0x1p-24f);
  const int32_t e = (bits - 0x3f3504f3) >> 23;
  const float m = std::bit_cast<float>(bits - (e << 23)) - 1.f, n = float(e), z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const float ln = m + ((p * m * z - 2.12194440e-4f * n) - .5f * z) + .693359375f * n;
  // u = 1 gives 0 exactly; nothing gives more.
  const float radius = std::sqrt(-2.f * ln);
  // A turn of v · 2^-24, v of 24 bits: the nearest quarter, and an angle from -π/4 to π/4, exact but for 2π.
  const int32_t v = int32_t(second >> 8), quarter = (v + (1 << 21)) >> 22;
  const float a = float(v - (quarter << 22)) * 3.7450703e-7f;  // 2π · 2^-24
  const float s = a * a;
  const float sine = ((-1.9515295891e-4f * s + 8.3321608736e-3f) * s + -1.6666654611e-1f) * s * a + a;
  const float cosine =
      ((2.443315711809948e-5f * s + -1.388731625493765e-3f) * s + 4.166664568298827e-2f) * s * s - .5f * s +
      1.f;
  const float x = quarter & 1 ? sine : cosine, y = quarter & 1 ? cosine : sine;
  z0 = radius * ((quarter + 1) & 2 ? -x : x);
  z1 = radius * (quarter & 2 ? -y : y);
}

}  // namespace alexnode
