// Winograd kernels for AVX2 with FMA: 6 x 16 register blocks. Compiled with -mavx2 -mfma.
#if defined(__AVX2__) && defined(__FMA__)
#define WINOGRAD_ISA avx2
#define WINOGRAD_LANES 8
#define WINOGRAD_ROWS 6
#include "cpu/winograd/kernels_isa.h"
#else
#include "cpu/winograd/kernels.h"

namespace alexnode::cpu::winograd {
const Kernels* avx2(int, int) { return nullptr; }
}  // namespace alexnode::cpu::winograd
#endif
