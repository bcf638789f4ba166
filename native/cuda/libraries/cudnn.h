// cuDNN and the parts that it is made of.
#pragma once
#include <vector>

#include "cuda/api/cudnn.h"
#include "cuda/libraries/opener.h"

namespace alexnode::cuda {

/// The reports of cuDNN and then of its parts. cuDNN is called only if all parts are open and `cublaslt` says
/// that a cublasLt is open too. `cudnn_major` becomes the CUDA that it was built for.
std::vector<LibraryReport> open_cudnn(const Opener& opener, Cudnn& cudnn, bool cublaslt, int& cudnn_major);

}  // namespace alexnode::cuda
