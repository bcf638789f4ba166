#include "cpu/product/kernels.h"

#include "cpu/simd/isa.h"

namespace alexnode::cpu::product {

const Kernels* kernels() {
#if defined(__x86_64__)
  if (has_avx512())
    if (const auto* k = avx512()) return k;
  if (has_avx2())
    if (const auto* k = avx2()) return k;
#endif
  return portable();
}

}  // namespace alexnode::cpu::product
