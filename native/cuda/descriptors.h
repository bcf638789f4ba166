// cuDNN's descriptors, which live as long as the kernel that uses them.
#pragma once
#include <memory>

#include "cuda/kernel.h"

namespace alexnode::cuda {

/// Created by `create`, and destroyed by `destroy` with its last copy.
template <class Handle>
std::shared_ptr<std::remove_pointer_t<Handle>> make_descriptor(const Libraries& libraries,
                                                               int (*create)(Handle*), int (*destroy)(Handle),
                                                               const char* call) {
  Handle handle = nullptr;
  check_cudnn(libraries, create(&handle), call);
  return {handle, [destroy](Handle h) { destroy(h); }};
}

/// cuDNN's number of a float type.
inline int cudnn_type(DType dtype) {
  return dtype == DType::f32 ? kCudnnFloat : dtype == DType::bf16 ? kCudnnBfloat16 : kCudnnHalf;
}

/// An image tensor, NCHW ('abcd') or NHWC ('acdb').
inline auto make_tensor(const Libraries& libraries, const Spec& s) {
  const auto& c = libraries.cudnn;
  auto tensor = make_descriptor(libraries, c.cudnnCreateTensorDescriptor, c.cudnnDestroyTensorDescriptor,
                                "cudnnCreateTensorDescriptor");
  check_cudnn(libraries,
              c.cudnnSetTensor4dDescriptor(tensor.get(), s.layout == "abcd" ? kCudnnNchw : kCudnnNhwc,
                                           cudnn_type(s.dtype), int(s.shape[0]), int(s.shape[1]),
                                           int(s.shape[2]), int(s.shape[3])),
              "cudnnSetTensor4dDescriptor");
  return tensor;
}

}  // namespace alexnode::cuda
