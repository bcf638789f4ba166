#include "cpu/winograd/kernels.h"

#include "cpu/simd/isa.h"

namespace alexnode::cpu::winograd {

const Kernels* find_kernels(int tile, int taps) {
#if defined(__x86_64__)
  if (has_avx512()) {
    if (const Kernels* kernels = avx512(tile, taps)) return kernels;
  }
  if (has_avx2()) {
    if (const Kernels* kernels = avx2(tile, taps)) return kernels;
  }
#endif
  return portable(tile, taps);
}

}  // namespace alexnode::cpu::winograd
