// The kernels of kernels.h, written once on the compiler's vector type and compiled once an instruction set:
// the file that includes this one defines PRODUCT_ISA (the name of the lookup function), PRODUCT_LANES
// (floats in a register), PRODUCT_WIDE and PRODUCT_NARROW (rows of the register block for panels of two
// registers and of one).
//
// Everything is in an unnamed namespace and uses no inline function of the standard library, so that the
// linker cannot pick a copy compiled for a larger instruction set than the machine's.
#pragma once

#include <cstdint>

#include "cpu/product/isa/blocks.h"
#include "cpu/product/isa/dots.h"
#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {
namespace {

#define PRODUCT_TEXT(name) #name
#define PRODUCT_NAME(name) PRODUCT_TEXT(name)

constexpr Kernels table = {PRODUCT_NAME(PRODUCT_ISA),
                           {lanes, PRODUCT_NARROW, run<1, PRODUCT_NARROW>},
                           {2 * lanes, PRODUCT_WIDE, run<2, PRODUCT_WIDE>},
                           dots<float>,
                           dots<uint16_t>};

}  // namespace

const Kernels* PRODUCT_ISA() { return &table; }

}  // namespace alexnode::cpu::product
