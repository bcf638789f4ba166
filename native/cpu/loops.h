// Building blocks of our own kernels: a choice of the element type, and loops shared by the stream's threads.
// No result may depend on the number of threads, so sums are taken over fixed pieces in a fixed order.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "op.h"

namespace alexnode::cpu {

/// Calls f(T{}), T being the type that tensors of a float dtype are stored in.
template <class F>
KernelPtr with_float(DType dtype, const F& f) {
  return dtype == DType::bf16 ? f(bf16{}) : f(float{});
}

/// f(begin, end) over pieces of [0, n), one per thread, cut at multiples of `unit`; up to `serial` on this
/// thread alone.
template <class F>
void split(int64_t n, const F& f, int64_t serial = 16384, int64_t unit = 64) {
  if (n <= serial || omp_get_max_threads() == 1) {
    f(int64_t(0), n);
    return;
  }
#pragma omp parallel
  {
    const int64_t units = (n + unit - 1) / unit, t = omp_get_thread_num(), threads = omp_get_num_threads();
    const int64_t begin = units * t / threads * unit, end = std::min(n, units * (t + 1) / threads * unit);
    if (begin < end) f(begin, end);
  }
}

/// f(item) for each of `items`, which are of about the same size.
template <class F>
void each(int64_t items, const F& f) {
  split(
      items,
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) f(i);
      },
      1, 1);
}

/// Rounds up to whole cache lines, where the next part of scratch begins.
constexpr size_t align(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The number of pieces of scratch, for kernels with scratch per thread.
inline int64_t workers() { return omp_get_max_threads(); }

/// f(worker, begin, end): `items` in as many pieces as there are workers, however many threads run them.
template <class F>
void each_worker(int64_t workers, int64_t items, const F& f) {
  const auto run = [&](int64_t first, int64_t step) {
    for (int64_t w = first; w < workers; w += step) {
      const int64_t begin = items * w / workers, end = items * (w + 1) / workers;
      if (begin < end) f(w, begin, end);
    }
  };
  // Not `parallel if`: libgomp keeps only one team, and creates it again when its size changes.
  if (workers == 1 || items == 1) return run(0, 1);
#pragma omp parallel
  run(omp_get_thread_num(), omp_get_num_threads());
}

/// Writes the zeros that pad the channels of y in a blocked layout.
template <class Y>
void clear_padding(Y* y, const ImageView& v, int64_t image) {
  for (int64_t c = v.c; c < v.blocks() * v.block; c++)
    for (int64_t p = 0; p < v.pixels; p++) y[v.at(image, c, p)] = Y(0.f);
}

}  // namespace alexnode::cpu
