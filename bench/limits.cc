// What the machine can do at most, as far as software reaches it: oneDNN's matrix products of 4096, in f32 and
// where it may in bf16, and the triad a = b + s·c on 3 · 256 MB. Prints one JSON object; limits THREADS.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

namespace {

template <class F>
double seconds(const F& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The best of a few runs, as limits are.
template <class F>
double best(const F& f) {
  double least = 1e9;
  f();
  for (int i = 0; i < 5; i++) least = std::min(least, seconds(f));
  return least;
}

/// GFLOP/s; 0 where oneDNN has no code of its own for the dtype.
double product(dnnl::memory::data_type type) {
  using dnnl::memory;
  constexpr int64_t n = 4096;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc square({n, n}, type, memory::format_tag::any);
  try {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc pd(engine, square, square, square);
#else
    const dnnl::matmul::primitive_desc pd({square, square, square}, engine);
#endif
    if (std::string(pd.impl_info_str()).find("ref") != std::string::npos) return 0;
    const memory a(pd.src_desc(), engine), b(pd.weights_desc(), engine), c(pd.dst_desc(), engine);
    const dnnl::matmul matmul(pd);
    return 2e-9 * n * n * n / best([&] {
             matmul.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}});
             stream.wait();
           });
  } catch (const dnnl::error&) {
    return 0;
  }
}

/// GB/s, each array counted once.
double triad() {
  constexpr int64_t n = 1 << 26;
  std::vector<float> a(n), b(n, 1.f), c(n, 2.f);
  float *pa = a.data(), *pb = b.data(), *pc = c.data();
  return 12e-9 * n / best([=] {
#pragma omp parallel for simd schedule(static)
           for (int64_t i = 0; i < n; i++) pa[i] = pb[i] + 3.f * pc[i];
         });
}

}  // namespace

int main(int, char** argv) {
  omp_set_num_threads(std::atoi(argv[1]));
  using type = dnnl::memory::data_type;
  std::printf("{\"sgemm_gflops\": %.1f, \"bf16_gflops\": %.1f, \"triad_gb_per_s\": %.1f}\n", product(type::f32),
              product(type::bf16), triad());
}
