// The matrix product for any machine: the compiler's vector type, lowered to whatever its baseline offers.
#define PRODUCT_ISA portable
#define PRODUCT_LANES 4
#define PRODUCT_WIDE 5
#define PRODUCT_NARROW 8
#include "cpu/product/kernels_isa.h"
