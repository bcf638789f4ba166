// Whether this machine has the instructions that CMakeLists.txt compiles simd/*_avx2.cc and simd/*_avx512.cc
// for. Some machines have AVX-512F but no other part of AVX-512.
#pragma once

#if defined(__aarch64__) && defined(__linux__)
#include <sys/prctl.h>
#endif

namespace alexnode::cpu {

#if defined(__x86_64__)
inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

#if defined(__aarch64__)
/// Bits of a vector of SVE, which some machines have beside NEON; 0 without SVE.
inline int sve_bits() {
#if defined(__linux__)
  const int length = prctl(PR_SVE_GET_VL);
  return length < 0 ? 0 : (length & PR_SVE_VL_LEN_MASK) * 8;
#else
  return 0;
#endif
}
#endif

}  // namespace alexnode::cpu
