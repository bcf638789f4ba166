// A ReLU after an op of oneDNN, on the op's output. oneDNN can put one into the op, but that one turns NaN
// into 0, and its others that keep NaN are slower than a pass over y.
#pragma once
#include <cstdint>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/onednn.h"
#include "cpu/simd/simd.h"

namespace alexnode::cpu {

/// Sets negative numbers to 0, where they lie.
template <class T>
ALEXNODE_CLONES void cut_negative(T* y, int64_t n) {
  if constexpr (std::is_same_v<T, bf16>) {
    // As integers from 0x8000, which is -0, to 0xff80, which is -∞; NaN is above.
    auto* bits = reinterpret_cast<uint16_t*>(y);
    for (int64_t i = 0; i < n; i++) bits[i] = uint16_t(bits[i] - 0x8000) <= 0x7f80 ? 0 : bits[i];
  } else {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] < 0 ? T(0) : y[i];
  }
}

/// As make_kernel, with a ReLU on the slot `y` after the primitive.
inline KernelPtr make_relu_kernel(Specs specs, std::string implementation, Primitive primitive, int y) {
  const size_t scratch = primitive.scratch_bytes();
  return with_float(specs[y].dtype, [&]<class T>(T) {
    const auto n = int64_t(specs[y].bytes() / sizeof(T));
    return make_kernel(
        std::move(specs), std::move(implementation),
        [p = std::move(primitive), n, y](const Args& a) {
          p.run(a);
          split(n, [to = a.at<T>(y)](int64_t begin, int64_t end) { cut_negative(to + begin, end - begin); });
        },
        scratch);
  });
}

}  // namespace alexnode::cpu
