// Whether this machine has all that simd/*_avx2.cc and simd/*_avx512.cc are compiled for: CMakeLists.txt says
// what. There are machines with AVX-512F and nothing else of AVX-512.
#pragma once

namespace alexnode::cpu {

#if defined(__x86_64__)
inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

}  // namespace alexnode::cpu
