// The channels that pooling processes at once, as vectors: loads, stores, and the positions of maxima.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cpu/simd/simd.h"
#include "dtype.h"

namespace alexnode::cpu::lanes {

constexpr int64_t kLanes = 8;
using F8 = float __attribute__((vector_size(32)));
using I8 = int32_t __attribute__((vector_size(32)));
using U8 = uint32_t __attribute__((vector_size(32)));
using Half8 = uint16_t __attribute__((vector_size(16)));
using Byte8 = uint8_t __attribute__((vector_size(8)));
using U64x4 = uint64_t __attribute__((vector_size(32)));
using Byte32 = uint8_t __attribute__((vector_size(32)));

/// The channels that are processed at once: one, eight, or sixteen in bf16. Of sixteen the even ones come
/// before the odd ones, so that a shift or a mask converts them to f32.
struct One {
  static constexpr int64_t lanes = 1, parts = 1;
  using F = float;
  using I = int32_t;
};
struct Eight {
  static constexpr int64_t lanes = 8, parts = 1;
  using F = F8;
  using I = I8;
};
struct EvenOdd {
  static constexpr int64_t lanes = 16, parts = 2;
  using F = F8;
  using I = I8;
};

template <class L, class T>
ALEXNODE_INLINE void load(typename L::F (&out)[L::parts], const T* p) {
  if constexpr (L::lanes == 1) {
    out[0] = float(*p);
  } else if constexpr (L::lanes == 16) {
    U8 pairs;
    std::memcpy(&pairs, p, sizeof pairs);
    out[0] = F8(pairs << 16), out[1] = F8(pairs & 0xffff0000);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(out, p, sizeof out);
  } else {
    Half8 half;
    std::memcpy(&half, p, sizeof half);
    out[0] = F8(__builtin_convertvector(half, U8) << 16);
  }
}

/// Of eight elements `step` apart.
template <class T>
ALEXNODE_INLINE void load(F8 (&out)[1], const T* p, int64_t step) {
  for (int i = 0; i < kLanes; i++) out[0][i] = float(p[i * step]);
}

/// bf16 in the lower halves: rounded, or `kExact` where values are bf16 numbers already.
template <bool kExact>
ALEXNODE_INLINE void to_bf16(U8& u, const F8& value) {
  u = U8(value);
  if constexpr (kExact) {
    u >>= 16;
  } else {
    const I8 nan = value != value;
    u = nan ? (u >> 16 | 0x40) : (u + 0x7fff + (u >> 16 & 1)) >> 16;
  }
}

template <class L, bool kExact, class T>
ALEXNODE_INLINE void store(T* p, const typename L::F (&value)[L::parts]) {
  if constexpr (L::lanes == 1) {
    *p = value[0];
  } else if constexpr (L::lanes == 16) {
    U8 even, odd;
    to_bf16<kExact>(even, value[0]), to_bf16<kExact>(odd, value[1]);
    even |= odd << 16;
    std::memcpy(p, &even, sizeof even);
  } else if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(p, value, sizeof value);
  } else {
    U8 u;
    to_bf16<kExact>(u, value[0]);
    const auto half = __builtin_convertvector(u, Half8);
    std::memcpy(p, &half, sizeof half);
  }
}

/// Positions of maxima.
template <class L, class Index>
ALEXNODE_INLINE void store_places(Index* p, const typename L::I (&place)[L::parts]) {
  if constexpr (L::lanes == 1) {
    *p = Index(place[0]);
  } else if constexpr (L::lanes == 16) {
    const auto bytes = __builtin_convertvector(place[0] | place[1] << 8, Half8);
    std::memcpy(p, &bytes, sizeof bytes);
  } else {
    const auto bytes = __builtin_convertvector(__builtin_convertvector(place[0], Half8), Byte8);
    std::memcpy(p, &bytes, sizeof bytes);
  }
}

/// sum += the elements of dy whose window has its maximum at `place`.
template <class L, class T, class Index>
ALEXNODE_INLINE void add_won(typename L::F (&sum)[L::parts], const T* dy, const Index* index, int32_t place) {
  typename L::F value[L::parts];
  load<L>(value, dy);
  if constexpr (L::lanes == 1) {
    sum[0] += *index == Index(place) ? value[0] : 0.f;
  } else {
    // Each byte of the index four times, so that comparing bytes gives a mask of floats.
    uint64_t words[2];
    std::memcpy(words, index, L::lanes);
    const auto at = uint8_t(place);
    if constexpr (L::lanes == 8) {
      const auto bytes = Byte32(U64x4{words[0], words[0], words[0], words[0]});
      const auto won =
          __builtin_shufflevector(bytes, bytes, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 20, 20, 20,
                                  20, 21, 21, 21, 21, 22, 22, 22, 22, 23, 23, 23, 23) == at;
      sum[0] += F8(I8(value[0]) & I8(won));
    } else {
      const auto bytes = Byte32(U64x4{words[0], words[1], words[0], words[1]});
      const auto even =
          __builtin_shufflevector(bytes, bytes, 0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6, 24, 24, 24,
                                  24, 26, 26, 26, 26, 28, 28, 28, 28, 30, 30, 30, 30) == at;
      const auto odd =
          __builtin_shufflevector(bytes, bytes, 1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 5, 5, 7, 7, 7, 7, 25, 25, 25,
                                  25, 27, 27, 27, 27, 29, 29, 29, 29, 31, 31, 31, 31) == at;
      sum[0] += F8(I8(value[0]) & I8(even));
      sum[1] += F8(I8(value[1]) & I8(odd));
    }
  }
}

/// The lanes of whole vectors of T.
template <class T>
using Whole = std::conditional_t<sizeof(T) == 2, EvenOdd, Eight>;

/// f(L(), first lane) for all lanes of a pixel.
template <bool kVectors, class F>
ALEXNODE_INLINE void each_lanes(int64_t lanes, const F& f) {
  int64_t lane = 0;
  if constexpr (kVectors)
    for (; lane + Eight::lanes <= lanes; lane += Eight::lanes) f(Eight(), lane);
  for (; lane < lanes; lane++) f(One(), lane);
}

}  // namespace alexnode::cpu::lanes
