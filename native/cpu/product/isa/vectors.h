// A register of PRODUCT_LANES floats, loaded from f32 or bf16, and its sum.
#pragma once

#include <cstdint>

#include "cpu/product/kernels.h"

namespace alexnode::cpu::product {
namespace {

constexpr int lanes = PRODUCT_LANES;
using Vec = float __attribute__((vector_size(lanes * sizeof(float))));

struct Unaligned {
  Vec value;
} __attribute__((packed, may_alias));

using Half = uint16_t __attribute__((vector_size(lanes * sizeof(uint16_t))));
using Bits = uint32_t __attribute__((vector_size(lanes * sizeof(uint32_t))));

struct UnalignedHalf {
  Half value;
} __attribute__((packed, may_alias));

Vec load(const float* from) { return reinterpret_cast<const Unaligned*>(from)->value; }
Vec load(const uint16_t* from) {
  const auto half = reinterpret_cast<const UnalignedHalf*>(from)->value;
  return reinterpret_cast<Vec>(__builtin_convertvector(half, Bits) << 16);
}

float number(float stored) { return stored; }
float number(uint16_t stored) { return __builtin_bit_cast(float, uint32_t(stored) << 16); }

float sum_of(Vec v) {
#pragma GCC unroll 4
  for (int half = lanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  return v[0];
}

}  // namespace
}  // namespace alexnode::cpu::product
