// Winograd kernels for any machine: the compiler's vector type, lowered to whatever its baseline offers.
#define WINOGRAD_ISA portable
#define WINOGRAD_LANES 8
#define WINOGRAD_ROWS 3
#include "cpu/winograd/kernels_isa.h"
