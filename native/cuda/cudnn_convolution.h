// One convolution of NHWC images by a library: the choice of the algorithm, and the call. It uses cuDNN's
// legacy API; plans of its graph API could replace it, shape by shape, behind this interface.
#pragma once
#include <cstdint>
#include <memory>

#include "cuda/kernel.h"

namespace alexnode::cuda {

enum class ConvolutionPass { forward, backward_data, backward_weights };

/// Dims are N, C, H, W of the images and K, C / groups, R, S of the weights, whatever lies where; padding is
/// the same on both sides. All lie with the channels innermost, in one dtype.
struct ConvolutionShape {
  ConvolutionPass pass;
  DType dtype;
  Int4 x, w, y;
  Int2 padding, stride, dilation;
  int64_t groups;
};

class Convolution {
 public:
  virtual ~Convolution() = default;
  /// forward: to = y, a = x, b = w. backward_data: dx, dy, w. backward_weights: dw, x, dy.
  virtual void run(const Launch& launch, void* to, const void* a, const void* b, void* workspace) const = 0;
  size_t workspace = 0;     // bytes, aligned to 256
  std::string description;  // for people
};

/// Throws if the library does not support this shape. To find the fastest algorithm, some are run on the
/// stream, in temporary memory.
std::shared_ptr<const Convolution> make_convolution(const ConvolutionShape& shape, const Target& target);

}  // namespace alexnode::cuda
