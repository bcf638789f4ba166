// Whether this machine has all that simd/*_avx2.cc and simd/*_avx512.cc are compiled for: CMakeLists.txt says
// what. There are machines with AVX-512F and nothing else of AVX-512.
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
/// Bits of a vector of SVE, which some have beside NEON; 0 where there is none.
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
