// Elements that lie side by side and are loaded or stored at once, up to 16 bytes, the best size for a
// thread.
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

/// One store of 8 or 16 bytes, which nvcc would at times take apart. (It leaves loads of a Lanes whole.)
template <class T, int N>
ALEXNODE_DEVICE void put(T* at, const Lanes<T, N>& lanes) {
#ifdef __CUDACC__
  u32 word[4];
  memcpy(word, &lanes, sizeof lanes);
  if constexpr (sizeof lanes == 16) {
    asm volatile("st.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(word[0]), "r"(word[1]), "r"(word[2]),
                 "r"(word[3])
                 : "memory");
    return;
  } else if constexpr (sizeof lanes == 8) {
    asm volatile("st.v2.u32 [%0], {%1, %2};" ::"l"(at), "r"(word[0]), "r"(word[1]) : "memory");
    return;
  }
#endif
  *reinterpret_cast<Lanes<T, N>*>(at) = lanes;
}

ALEXNODE_DEVICE bool aligned(const void* at, int bytes) { return (u64(at) & u64(bytes - 1)) == 0; }

}  // namespace alexnode::cuda
