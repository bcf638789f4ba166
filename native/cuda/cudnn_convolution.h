// One convolution of NHWC images by a library: which algorithm, and the call. Now by cuDNN's older calls; a
// plan of its graph API may take a shape's place behind the same interface.
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
  size_t workspace = 0;     // bytes, to be aligned to 256
  std::string description;  // for people
};

/// Throws where the library has nothing for this shape. Finding the fastest way runs some on the stream, in
/// memory that is given back.
std::shared_ptr<const Convolution> make_convolution(const ConvolutionShape& shape, const Target& target);

}  // namespace alexnode::cuda
