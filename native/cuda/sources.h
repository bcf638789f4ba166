// The kernels as they are embedded in the addon, made by native/cuda/embed.cmake: each topic's source text
// and, if nvcc was present, its binary; and the headers that the sources include.
#pragma once
#include <span>
#include <string_view>

namespace alexnode::cuda {

struct KernelSource {
  const char* topic;
  const char* text;
  std::string_view fatbin;  // empty without nvcc
};
struct KernelHeader {
  const char* name;  // as it is included
  const char* text;
};

std::span<const KernelSource> kernel_sources();
std::span<const KernelHeader> kernel_headers();

}  // namespace alexnode::cuda
