// Runs probe.cu's kernels without the driver's double. With an argument, runs that error.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "probe.h"

struct Extent {
  unsigned x, y, z;
};
extern "C" {
void fake_run_grid(const char*, void (*)(const void*), Extent, Extent, const void*);
void alexnode_kernel_probe_scale_bf16(const void*);
void alexnode_kernel_probe_sums(const void*);
void alexnode_kernel_probe_shuffles(const void*);
void alexnode_kernel_probe_wrong(const void*);
extern const unsigned alexnode_params_probe_sums;
}

int main(int count, char** arguments) {
  using namespace alexnode::cuda;
  constexpr int kBlocks = 3, kThreads = 256;
  std::vector<float> x(kBlocks * kThreads), y(x.size(), 1);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(i);
  if (count > 1) {
    const ProbeWrong wrong{y.data(), std::atoi(arguments[1])};
    fake_run_grid("probe_wrong", alexnode_kernel_probe_wrong, {1, 1, 1}, {64, 1, 1}, &wrong);
    return 0;
  }
  const ProbeScale scale{y.data(), x.data(), 2, i64(x.size())};
  fake_run_grid("probe_scale", alexnode_kernel_probe_scale_bf16, {2, 1, 1}, {32, 1, 1}, &scale);
  // 2 · 511 = 1022 lies between the bf16 numbers 1020 and 1024.
  std::printf("%g %g %g\n", y[0], y[100], y[511]);
  const ProbeSums sums{y.data(), x.data()};
  if (alexnode_params_probe_sums != sizeof sums) return 1;
  fake_run_grid("probe_sums", alexnode_kernel_probe_sums, {kBlocks, 1, 1}, {kThreads, 1, 1}, &sums);
  for (int i = 0; i < kBlocks; ++i) std::printf("%g ", y[i]);
  std::puts("");
  const ProbeSums shuffles{y.data(), x.data()};
  fake_run_grid("probe_shuffles", alexnode_kernel_probe_shuffles, {1, 1, 1}, {32, 1, 1}, &shuffles);
  for (const int lane : {0, 7, 9, 17, 31}) {
    for (int i = 0; i < 6; ++i) std::printf("%g ", y[lane * 6 + i]);
    std::puts("");
  }
}
