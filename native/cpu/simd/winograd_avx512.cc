// Winograd kernels for AVX-512: 12 x 32 register blocks. Compiled with -mavx512f and others.
#if defined(__AVX512F__)
#define WINOGRAD_ISA avx512
#define WINOGRAD_LANES 16
#define WINOGRAD_ROWS 12
#include "cpu/winograd/kernels_isa.h"
#else
#include "cpu/winograd/kernels.h"

namespace alexnode::cpu::winograd {
const Kernels* avx512(int, int) { return nullptr; }
}  // namespace alexnode::cpu::winograd
#endif
