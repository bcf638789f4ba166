#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {

const Kernels* kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    if (const auto* k = avx512()) return k;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    if (const auto* k = avx2()) return k;
#endif
  return portable();
}

}  // namespace alexnode::cpu::product
