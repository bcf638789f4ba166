// CUDA's device language for a host compiler, so that the double runs our own kernels from the same source
// (native/cuda/kernels/*.cu). A block's threads are fibers (block.cc), so barriers and shuffles are real
// ones: one that not all threads reach ends the process with a message; a GPU would hang or compute nonsense.
// What device code does not have without headers, such as INFINITY, is not here either.
#pragma once
#include <math.h>
#include <string.h>

#undef INFINITY
#undef NAN

#define ALEXNODE_DEVICE inline __attribute__((always_inline))

/// The body of one thread, as an entry that takes the struct's place; and the struct's size, for the launch.
#define ALEXNODE_KERNEL(name, Params)                                                                 \
  static void alexnode_body_##name(const Params& p);                                                  \
  extern "C" __attribute__((visibility("default"))) void alexnode_kernel_##name(const void* params) { \
    alexnode_body_##name(*static_cast<const Params*>(params));                                        \
  }                                                                                                   \
  extern "C" {                                                                                        \
  extern __attribute__((visibility("default"))) const unsigned alexnode_params_##name;                \
  const unsigned alexnode_params_##name = sizeof(Params);                                             \
  }                                                                                                   \
  static_assert(sizeof(Params) <= 4000 && __is_trivially_copyable(Params), #Params);                  \
  static void alexnode_body_##name(const Params& p)

// One block at a time is run, so what it shares may be static.
#define __shared__ static
#define __device__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)

namespace fake {

struct Extent {
  unsigned x, y, z;
};

/// Runs a grid, block after block. Not by two host threads at once.
extern "C" void fake_run_grid(const char* name, void (*kernel)(const void* params), Extent grid, Extent block,
                              const void* params);

// block.cc. `line` names the call in messages, and tells one from another.
void barrier(int line);
enum class Collective : unsigned char { shuffle, ballot, sync };
/// Waits for the warp's lanes of `mask`. Returns the value of the lane `from`, or the ballot.
unsigned long long collective(Collective what, unsigned mask, unsigned long long value, int from, int line);
unsigned lane();

}  // namespace fake

extern __attribute__((visibility("hidden"))) fake::Extent threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

ALEXNODE_DEVICE void __syncthreads(int line = __builtin_LINE()) { fake::barrier(line); }
ALEXNODE_DEVICE void __syncwarp(unsigned mask = ~0u, int line = __builtin_LINE()) {
  fake::collective(fake::Collective::sync, mask, 0, 0, line);
}
ALEXNODE_DEVICE unsigned __ballot_sync(unsigned mask, int holds, int line = __builtin_LINE()) {
  return unsigned(fake::collective(fake::Collective::ballot, mask, holds != 0, 0, line));
}
ALEXNODE_DEVICE int __any_sync(unsigned mask, int holds, int line = __builtin_LINE()) {
  return __ballot_sync(mask, holds, line) != 0;
}
ALEXNODE_DEVICE int __all_sync(unsigned mask, int holds, int line = __builtin_LINE()) {
  return __ballot_sync(mask, holds, line) == mask;
}

namespace fake {
template <class T>
ALEXNODE_DEVICE T shuffle(unsigned mask, T value, int from, int line) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof(T));
  bits = collective(Collective::shuffle, mask, bits, from, line);
  memcpy(&value, &bits, sizeof(T));
  return value;
}
}  // namespace fake

// A lane beyond its segment of `width` lanes reads its own value.
#define FAKE_SHUFFLES(T)                                                                   \
  ALEXNODE_DEVICE T __shfl_sync(unsigned mask, T value, int from, int width = 32,          \
                                int line = __builtin_LINE()) {                             \
    const int lane = int(fake::lane());                                                    \
    return fake::shuffle(mask, value, (lane & ~(width - 1)) | (from & (width - 1)), line); \
  }                                                                                        \
  ALEXNODE_DEVICE T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32,    \
                                   int line = __builtin_LINE()) {                          \
    const int lane = int(fake::lane()), from = lane - int(by);                             \
    return fake::shuffle(mask, value, from < (lane & ~(width - 1)) ? lane : from, line);   \
  }                                                                                        \
  ALEXNODE_DEVICE T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32,  \
                                     int line = __builtin_LINE()) {                        \
    const int lane = int(fake::lane()), from = lane + int(by);                             \
    return fake::shuffle(mask, value, from > (lane | (width - 1)) ? lane : from, line);    \
  }                                                                                        \
  ALEXNODE_DEVICE T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32,      \
                                    int line = __builtin_LINE()) {                         \
    const int lane = int(fake::lane()), from = lane ^ with;                                \
    return fake::shuffle(mask, value, from > (lane | (width - 1)) ? lane : from, line);    \
  }
FAKE_SHUFFLES(int)
FAKE_SHUFFLES(unsigned)
FAKE_SHUFFLES(long long)
FAKE_SHUFFLES(unsigned long long)
FAKE_SHUFFLES(float)
FAKE_SHUFFLES(double)
#undef FAKE_SHUFFLES

// Compiled with -ffp-contract=off, each is one rounding.
ALEXNODE_DEVICE float __fadd_rn(float a, float b) { return a + b; }
ALEXNODE_DEVICE float __fsub_rn(float a, float b) { return a - b; }
ALEXNODE_DEVICE float __fmul_rn(float a, float b) { return a * b; }
ALEXNODE_DEVICE float __fdiv_rn(float a, float b) { return a / b; }
ALEXNODE_DEVICE float __fsqrt_rn(float a) { return sqrtf(a); }
ALEXNODE_DEVICE float __frcp_rn(float a) { return 1 / a; }
ALEXNODE_DEVICE float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
ALEXNODE_DEVICE double __dadd_rn(double a, double b) { return a + b; }
ALEXNODE_DEVICE double __dmul_rn(double a, double b) { return a * b; }
ALEXNODE_DEVICE double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
ALEXNODE_DEVICE float rsqrtf(float a) { return float(1 / sqrt(double(a))); }
ALEXNODE_DEVICE float __expf(float a) { return expf(a); }
ALEXNODE_DEVICE float __logf(float a) { return logf(a); }
ALEXNODE_DEVICE float __powf(float a, float b) { return powf(a, b); }
ALEXNODE_DEVICE float __fdividef(float a, float b) { return a / b; }
ALEXNODE_DEVICE float __saturatef(float a) { return a > 0 ? (a < 1 ? a : 1) : 0; }

#define FAKE_AS(name, To, From)                \
  ALEXNODE_DEVICE To name(From from) {         \
    static_assert(sizeof(To) == sizeof(From)); \
    To to;                                     \
    memcpy(&to, &from, sizeof to);             \
    return to;                                 \
  }
FAKE_AS(__float_as_uint, unsigned, float)
FAKE_AS(__float_as_int, int, float)
FAKE_AS(__uint_as_float, float, unsigned)
FAKE_AS(__int_as_float, float, int)
FAKE_AS(__double_as_longlong, long long, double)
FAKE_AS(__longlong_as_double, double, long long)
#undef FAKE_AS

ALEXNODE_DEVICE unsigned __umulhi(unsigned a, unsigned b) {
  return unsigned(static_cast<unsigned long long>(a) * b >> 32);
}
ALEXNODE_DEVICE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
ALEXNODE_DEVICE int __popc(unsigned a) { return __builtin_popcount(a); }
ALEXNODE_DEVICE int __clz(int a) { return a ? __builtin_clz(unsigned(a)) : 32; }
ALEXNODE_DEVICE int __ffs(int a) { return __builtin_ffs(a); }
ALEXNODE_DEVICE int __float2int_rn(float a) { return int(rintf(a)); }
ALEXNODE_DEVICE int __float2int_rd(float a) { return int(floorf(a)); }
ALEXNODE_DEVICE int __float2int_rz(float a) { return int(a); }
template <class T>
ALEXNODE_DEVICE T __ldg(const T* from) {
  return *from;
}

#define FAKE_MIN_MAX(T)                                     \
  ALEXNODE_DEVICE T min(T a, T b) { return b < a ? b : a; } \
  ALEXNODE_DEVICE T max(T a, T b) { return a < b ? b : a; }
FAKE_MIN_MAX(int)
FAKE_MIN_MAX(unsigned)
FAKE_MIN_MAX(long)
FAKE_MIN_MAX(unsigned long)
FAKE_MIN_MAX(long long)
FAKE_MIN_MAX(unsigned long long)
#undef FAKE_MIN_MAX
// As fminf: the other one where one is NaN.
ALEXNODE_DEVICE float min(float a, float b) { return fminf(a, b); }
ALEXNODE_DEVICE float max(float a, float b) { return fmaxf(a, b); }
ALEXNODE_DEVICE double min(double a, double b) { return fmin(a, b); }
ALEXNODE_DEVICE double max(double a, double b) { return fmax(a, b); }

#define FAKE_VECTORS(T, name)                                                 \
  struct __align__(2 * sizeof(T)) name##2 {                                   \
    T x, y;                                                                   \
  };                                                                          \
  struct name##3 {                                                            \
    T x, y, z;                                                                \
  };                                                                          \
  struct __align__(sizeof(T) < 8 ? 4 * sizeof(T) : 16) name##4 {              \
    T x, y, z, w;                                                             \
  };                                                                          \
  ALEXNODE_DEVICE name##2 make_##name##2(T x, T y) { return {x, y}; }         \
  ALEXNODE_DEVICE name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
  ALEXNODE_DEVICE name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
FAKE_VECTORS(float, float)
FAKE_VECTORS(int, int)
FAKE_VECTORS(unsigned, uint)
FAKE_VECTORS(unsigned short, ushort)
FAKE_VECTORS(unsigned char, uchar)
#undef FAKE_VECTORS
