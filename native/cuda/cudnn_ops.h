// cuDNN's pooling and LRN, where a device is opened with `cudnn: true`: to hold our own kernels against, in
// numbers and in time. Null where cuDNN does not have the op as we mean it.
#pragma once
#include "cuda/kernel.h"

namespace alexnode::cuda {

KernelPtr make_by_cudnn(const MaxPool& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const AvgPool& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const AvgPoolBackward& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const Lrn& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const LrnBackward& f, const Specs& specs, const Target& target);

}  // namespace alexnode::cuda
