// The matrix product for AVX2 with FMA: 6 x 16 register blocks. Compiled with -mavx2 -mfma.
#if defined(__AVX2__) && defined(__FMA__)
#define PRODUCT_ISA avx2
#define PRODUCT_LANES 8
#define PRODUCT_WIDE 6
#define PRODUCT_NARROW 6
#include "cpu/product/kernels_isa.h"
#else
#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {
const Kernels* avx2() { return nullptr; }
}  // namespace alexnode::cpu::product
#endif
