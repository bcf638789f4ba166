// The mask of a dense layer's ReLU: one bit per number, set if it is above 0 or NaN. The forward op keeps it,
// and the backward op for the data applies it, so the activations themselves need not be kept.
#pragma once
#include <cstdint>
#include <utility>

#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace alexnode::cpu {

/// Whether each of `count` numbers is above 0 or NaN, eight to a byte.
template <class T>
void keep_bits(uint8_t* mask, const T* y, int64_t count) {
  split(count / 8, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      unsigned bits = 0;
      for (int j = 0; j < 8; j++) bits |= unsigned(!(float(y[8 * i + j]) <= 0)) << j;
      mask[i] = uint8_t(bits);
    }
  });
}

/// Sets numbers to 0 whose bit is 0.
template <class T>
void cut_by_bits(T* dx, const uint8_t* mask, int64_t count) {
  split(count / 8, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      for (int j = 0; j < 8; j++)
        if (!(mask[i] >> j & 1)) dx[8 * i + j] = T(0);
  });
}

/// The op without its mask, followed by f(numbers, mask, count) on the numbers of slot `of`.
template <class Op, class F>
KernelPtr then_mask(const Op& f, const Specs& given, int mask, int of, const F& after) {
  Specs open = given;
  open[mask].absent = true;
  auto inner = make(f, std::move(open));
  Specs specs = inner->specs;
  specs[mask] = given[mask];
  specs[mask].layout = "ab";
  const int64_t count = specs.shape(of)[0] * specs.shape(of)[1];
  return with_float(specs[of].dtype, [&](auto kind) {
    const size_t scratch = inner->scratch;
    auto words = inner->implementation;
    return make_kernel(
        std::move(specs), std::move(words),
        [inner = std::move(inner), after, mask, of, count](const Args& args) {
          inner->run(args);
          after(args.at<decltype(kind)>(of), args.at<uint8_t>(mask), count);
        },
        scratch);
  });
}

}  // namespace alexnode::cpu
