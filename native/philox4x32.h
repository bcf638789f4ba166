// Counter-based random numbers, as every backend draws them: a number depends on a seed, a step, a purpose
// and its index alone. Philox4x32-10 is from Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011; the transform to normal numbers is Box and Muller's, 1958.
//
// Everything here is integer arithmetic or one exactly rounded IEEE operation after another, so all machines
// give the same bits, provided that the compiler joins no multiply and add. nvcc and NVRTC are told by the
// operations themselves; compile what includes this file for a CPU with -ffp-contract=off (CMake does so for
// native/cpu/philox*.cc). Without #include: kernels of native/cuda/ include this too.
#pragma once

#ifdef __CUDACC__
#define ALEXNODE_PHILOX __device__ __forceinline__
#define ALEXNODE_TEN_ROUNDS _Pragma("unroll")
#else
#define ALEXNODE_PHILOX inline __attribute__((always_inline))
#define ALEXNODE_TEN_ROUNDS _Pragma("GCC unroll 10")
#endif

namespace alexnode {

#ifdef __CUDACC__
/// A float whose every operation is rounded.
struct Rounded {
  float value;
  ALEXNODE_PHILOX Rounded(float value) : value(value) {}
  ALEXNODE_PHILOX explicit operator float() const { return value; }
  ALEXNODE_PHILOX Rounded operator-() const { return -value; }
  ALEXNODE_PHILOX friend Rounded operator+(Rounded a, Rounded b) { return __fadd_rn(a.value, b.value); }
  ALEXNODE_PHILOX friend Rounded operator-(Rounded a, Rounded b) { return __fsub_rn(a.value, b.value); }
  ALEXNODE_PHILOX friend Rounded operator*(Rounded a, Rounded b) { return __fmul_rn(a.value, b.value); }
};
ALEXNODE_PHILOX Rounded square_root(Rounded x) { return __fsqrt_rn(x.value); }
#else
using Rounded = float;
ALEXNODE_PHILOX float square_root(float x) { return __builtin_sqrtf(x); }
#endif

/// What a stream of numbers is drawn from: rng = seed (2 words), step, first sample; and the purpose.
struct PhiloxKey {
  unsigned seed_low, seed_high, step, purpose;
};

/// The four words of the counter (index, step, purpose), in place.
ALEXNODE_PHILOX void philox(const PhiloxKey& key, unsigned long long index, unsigned out[4]) {
  unsigned c0 = unsigned(index), c1 = unsigned(index >> 32), c2 = key.step, c3 = key.purpose;
  unsigned k0 = key.seed_low, k1 = key.seed_high;
  ALEXNODE_TEN_ROUNDS
  for (int round = 0; round < 10; round++) {
    const auto a = 0xd2511f53ull * c0, b = 0xcd9e8d57ull * c2;
    c0 = unsigned(b >> 32) ^ c1 ^ k0, c1 = unsigned(b);
    c2 = unsigned(a >> 32) ^ c3 ^ k1, c3 = unsigned(a);
    k0 += 0x9e3779b9u, k1 += 0xbb67ae85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/// A word as a fraction in [0, 1): its upper 24 bits, exact.
ALEXNODE_PHILOX float to_uniform(unsigned word) { return float(int(word >> 8)) * 0x1p-24f; }

/// low + (high - low) · uniform.
ALEXNODE_PHILOX float to_uniform(unsigned word, float low, float high) {
  return float(low + (Rounded(high) - low) * to_uniform(word));
}

/// Two normal numbers of two words: mean + std · z. Polynomials: Cephes (Moshier), in single precision.
ALEXNODE_PHILOX void to_normal(unsigned first, unsigned second, float mean, float std, float& z0, float& z1) {
  // ln u, with u = (upper 24 bits + 1) · 2^-24 in (0, 1]: u = (1 + m) · 2^e, 1 + m in [√½, √2).
  const int bits = __builtin_bit_cast(int, float(int(first >> 8) + 1) * 0x1p-24f);
  const int e = (bits - 0x3f3504f3) >> 23;
  const Rounded m = Rounded(__builtin_bit_cast(float, bits - (e << 23))) - 1.f, n = float(e), z = m * m;
  Rounded p = 7.0376836292e-2f;
  p = p * m + -1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m + -1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m + -1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m + -2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const Rounded ln = m + ((p * m * z - 2.12194440e-4f * n) - .5f * z) + .693359375f * n;
  // u = 1 gives 0 exactly; nothing gives more.
  const Rounded radius = square_root(-2.f * ln);
  // A turn of v · 2^-24, v of 24 bits: the nearest quarter, and an angle from -π/4 to π/4, exact but for 2π.
  const int v = int(second >> 8), quarter = (v + (1 << 21)) >> 22;
  const Rounded a = Rounded(float(v - (quarter << 22))) * 3.7450703e-7f;  // 2π · 2^-24
  const Rounded s = a * a;
  const Rounded sine = ((-1.9515295891e-4f * s + 8.3321608736e-3f) * s + -1.6666654611e-1f) * s * a + a;
  const Rounded cosine =
      ((2.443315711809948e-5f * s + -1.388731625493765e-3f) * s + 4.166664568298827e-2f) * s * s - .5f * s +
      1.f;
  const Rounded x = quarter & 1 ? sine : cosine, y = quarter & 1 ? cosine : sine;
  z0 = float(mean + std * (radius * ((quarter + 1) & 2 ? -x : x)));
  z1 = float(mean + std * (radius * (quarter & 2 ? -y : y)));
}

}  // namespace alexnode
