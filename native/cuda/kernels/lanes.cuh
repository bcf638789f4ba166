// Elements that lie side by side and are loaded or stored at once, up to the 16 bytes a thread takes best.
#pragma once
#include "cuda/kernels/device.cuh"

namespace alexnode::cuda {

template <class T, int N>
struct alignas(N * sizeof(T)) Lanes {
  T lane[N];
};

/// How many elements are 16 bytes.
template <class T>
constexpr int kLanes = 16 / int(sizeof(T));

ALEXNODE_DEVICE bool aligned(const void* at, int bytes) { return (u64(at) & u64(bytes - 1)) == 0; }

}  // namespace alexnode::cuda
