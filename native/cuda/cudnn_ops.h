// cuDNN's pooling and LRN, if a device is opened with `cudnn: true`: to compare our own kernels with, in
// results and in speed. Null if cuDNN's op differs from ours.
#pragma once
#include "cuda/kernel.h"

namespace alexnode::cuda {

KernelPtr make_by_cudnn(const MaxPool& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const AvgPool& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const AvgPoolBackward& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const Lrn& f, const Specs& specs, const Target& target);
KernelPtr make_by_cudnn(const LrnBackward& f, const Specs& specs, const Target& target);

}  // namespace alexnode::cuda
