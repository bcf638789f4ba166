#include "cuda/kernels/chunks.cuh"
#include "cuda/kernels/pad.h"

namespace alexnode::cuda {

/// outer = inner amid zeros.
template <class T>
ALEXNODE_DEVICE void pad(const Border& p) {
  auto* outer = static_cast<T*>(p.outer);
  const auto* inner = static_cast<const T*>(p.inner);
  const i64 count = p.n * p.outer_h * p.outer_w * p.c;
  for (i64 i = first_index(); i < count; i += index_step()) {
    i64 n = i;
    const i64 c = take(n, p.c), w = take(n, p.outer_w) - p.left, h = take(n, p.outer_h) - p.top;
    const bool inside = w >= 0 && h >= 0 && w < p.inner_w && h < p.inner_h;
    outer[i] = inside ? inner[((n * p.inner_h + h) * p.inner_w + w) * p.c + c] : T(0);
  }
}

/// inner = that part of outer.
template <class T>
ALEXNODE_DEVICE void crop(const Border& p) {
  const auto* outer = static_cast<const T*>(p.outer);
  auto* inner = static_cast<T*>(p.inner);
  const i64 count = p.n * p.inner_h * p.inner_w * p.c;
  for (i64 i = first_index(); i < count; i += index_step()) {
    i64 n = i;
    const i64 c = take(n, p.c), w = take(n, p.inner_w) + p.left, h = take(n, p.inner_h) + p.top;
    inner[i] = outer[((n * p.outer_h + h) * p.outer_w + w) * p.c + c];
  }
}

ALEXNODE_KERNEL(pad_32, Border) { pad<u32>(p); }
ALEXNODE_KERNEL(pad_16, Border) { pad<u16>(p); }
ALEXNODE_KERNEL(crop_32, Border) { crop<u32>(p); }
ALEXNODE_KERNEL(crop_16, Border) { crop<u16>(p); }

}  // namespace alexnode::cuda
