#include "cpu/product/dots.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpu/loops.h"
#include "cpu/product/kernels.h"

namespace alexnode::cpu {

namespace {

const float* stored(const float* numbers) { return numbers; }
const uint16_t* stored(const bf16* numbers) { return &numbers->bits; }

void sum(const product::Kernels& kernels, const product::Strip<float>& strip) { kernels.dots_f32(strip); }
void sum(const product::Kernels& kernels, const product::Strip<uint16_t>& strip) { kernels.dots_bf16(strip); }

}  // namespace

template <class T>
Dots<T>::Dots(const ProductShape& shape, int threads)
    : shape_(shape), kernels_(product::kernels()), threads_(threads_for(shape, threads)) {}

template <class T>
std::string Dots<T>::describe() const {
  return std::string("dots:") + kernels_->isa;
}

template <class T>
void Dots<T>::run(T* c, const float* a, const T* b, const float* bias) const {
  using Stored = std::conditional_t<std::is_same_v<T, float>, float, uint16_t>;
  const auto& s = shape_;
  constexpr int64_t unit = 16;
  each_worker(threads_, (s.columns + unit - 1) / unit, [&](int64_t, int64_t first, int64_t last) {
    const int64_t end = std::min(last * unit, s.columns);
    for (int64_t i = first * unit; i < end; i += unit) {
      float sums[unit * kRows];
      const int64_t count = std::min(unit, end - i);
      const product::Strip<Stored> strip{.sums = sums,
                                         .w = stored(b + i * s.b_column),
                                         .w_row = s.b_column,
                                         .rows = count,
                                         .left = end - i,
                                         .x = a,
                                         .x_row = s.a_row,
                                         .images = s.rows,
                                         .depth = s.depth};
      sum(*kernels_, strip);
      for (int64_t n = 0; n < s.rows; n++)
        for (int64_t j = 0; j < count; j++) {
          T& to = c[n * s.c_row + i + j];
          float value = s.alpha * sums[j * s.rows + n];
          if (s.beta != 0) value += s.beta * float(to);
          if (bias) value += bias[i + j];
          to = s.relu && value < 0 ? 0.f : value;
        }
    }
  });
}

template class Dots<float>;
template class Dots<bf16>;

}  // namespace alexnode::cpu
