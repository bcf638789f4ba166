// The matrix product for AVX-512: 12 x 32 register blocks. Compiled with -mavx512f and others.
#if defined(__AVX512F__)
#define PRODUCT_ISA avx512
#define PRODUCT_LANES 16
#define PRODUCT_WIDE 12
#define PRODUCT_NARROW 8
#include "cpu/product/kernels_isa.h"
#else
#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {
const Kernels* avx512() { return nullptr; }
}  // namespace alexnode::cpu::product
#endif
