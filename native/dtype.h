// Element types, their sizes and names. Shared by every backend.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alexnode {

enum class DType : uint8_t { none, f32, bf16, f16, u8, i32, u32 };

inline constexpr DType kDTypes[] = {DType::f32, DType::bf16, DType::f16, DType::u8, DType::i32, DType::u32};

constexpr size_t size_of(DType t) {
  switch (t) {
    case DType::f32:
    case DType::i32:
    case DType::u32:
      return 4;
    case DType::bf16:
    case DType::f16:
      return 2;
    case DType::u8:
      return 1;
    case DType::none:
      break;
  }
  return 0;
}

constexpr std::string_view name_of(DType t) {
  constexpr std::string_view names[] = {"none", "f32", "bf16", "f16", "u8", "i32", "u32"};
  return names[size_t(t)];
}

constexpr DType dtype_named(std::string_view name) {
  for (auto t : kDTypes)
    if (name_of(t) == name) return t;
  return DType::none;
}

/// A bf16 number: the upper half of an f32. Stores round to nearest even; NaN stays NaN.
struct bf16 {
  uint16_t bits;
  bf16() = default;
  bf16(float value) : bits(round(value)) {}
  /// Loops that assign numbers this way are vectorised; copies of whole structs are not.
  bf16& operator=(float value) {
    bits = round(value);
    return *this;
  }
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
  static uint16_t round(float value) {
    const auto u = std::bit_cast<uint32_t>(value);
    return uint16_t((value != value ? u | 0x400000 : u + 0x7fff + (u >> 16 & 1)) >> 16);
  }
};

}  // namespace alexnode
