// The kernels of kernels.h, written once on the compiler's vector type and compiled once an instruction set:
// the file that includes this one defines WINOGRAD_ISA (the name of the lookup function), WINOGRAD_LANES
// (floats in a register of the product) and WINOGRAD_ROWS (rows of its register block).
//
// Everything is in an unnamed namespace and uses no inline function of the standard library, so that the
// linker cannot pick a copy compiled for a larger instruction set than the machine's.
#pragma once

#include "cpu/winograd/isa/filters.h"
#include "cpu/winograd/isa/products.h"
#include "cpu/winograd/isa/tiles.h"
#include "cpu/winograd/kernels.h"

namespace alexnode::cpu::winograd {
namespace {

#define WINOGRAD_TEXT(name) #name
#define WINOGRAD_NAME(name) WINOGRAD_TEXT(name)

template <int M, int R>
constexpr Kernels kernels = {
    WINOGRAD_NAME(WINOGRAD_ISA),
    M,
    R,
    M + R - 1,
    panel,
    block_rows,
    input<M, R>,
    output<M, R>,
    gradient<M, R>,
    filters<M, R>,
    filters_adjoint<M, R>,
    product,
    product_adjoint,
};

}  // namespace

const Kernels* WINOGRAD_ISA(int tile, int taps) {
  if (tile == 4 && taps == 3) return &kernels<4, 3>;
  if (tile == 5 && taps == 3) return &kernels<5, 3>;
  if (tile == 6 && taps == 3) return &kernels<6, 3>;
  if (tile == 4 && taps == 5) return &kernels<4, 5>;
  return nullptr;
}

}  // namespace alexnode::cpu::winograd
