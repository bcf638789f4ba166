// Vectors of one octet of channels: loads, stores, and bf16.
#pragma once

#include <cstdint>

#include "cpu/winograd/kernels.h"

namespace alexnode::cpu::winograd {
namespace {

#define WINOGRAD_INLINE inline __attribute__((always_inline))

using Vec = float __attribute__((vector_size(octet * sizeof(float))));

template <class V>
struct Unaligned {
  V value;
} __attribute__((packed, may_alias));

template <class V = Vec>
WINOGRAD_INLINE V load(const void* p) {
  return static_cast<const Unaligned<V>*>(p)->value;
}

template <class V>
WINOGRAD_INLINE void store(void* p, V v) {
  static_cast<Unaligned<V>*>(p)->value = v;
}

// bf16 is the upper half of an f32.

using Half = uint16_t __attribute__((vector_size(octet * sizeof(uint16_t))));
using Word = uint32_t __attribute__((vector_size(octet * sizeof(uint32_t))));

WINOGRAD_INLINE float widen(uint16_t bits) { return __builtin_bit_cast(float, uint32_t{bits} << 16); }
WINOGRAD_INLINE Vec widen(Half bits) {
  return reinterpret_cast<Vec>(__builtin_convertvector(bits, Word) << 16);
}

// To nearest, ties to even; NaN stays NaN.
WINOGRAD_INLINE Half narrow(Vec value) {
  const Word bits = reinterpret_cast<Word>(value);
  const Word rounded = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
  return __builtin_convertvector((value != value ? quiet : rounded) >> 16, Half);
}

}  // namespace
}  // namespace alexnode::cpu::winograd
