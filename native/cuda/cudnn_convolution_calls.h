// cuDNN's legacy API for one convolution: its descriptors, and one function for the three passes, where cuDNN
// has three.
#pragma once
#include <cstddef>
#include <memory>

#include "cuda/cudnn_convolution.h"

namespace alexnode::cuda {

const char* name_of(ConvolutionPass pass);

class ConvolutionCalls {
 public:
  using Status = int;

  ConvolutionCalls(const ConvolutionShape& shape, const Target& target);

  void set_math(const Target& target, int math) const;
  /// Lists algorithms by the speed that cuDNN expects of them.
  Status list(const Launch& launch, int wanted, int* found, CudnnAlgorithm* to) const;
  /// The workspace that an algorithm needs.
  Status measure(const Launch& launch, int number, size_t* bytes) const;
  /// Operands as of Convolution::run.
  Status start(const Launch& launch, int number, void* to, const void* a, const void* b, void* workspace,
               size_t bytes) const;

  // The names of the functions that these call, for errors.
  const char* list_name() const;
  const char* measure_name() const;
  const char* start_name() const;

 private:
  const char* one_of(const char* forward, const char* data, const char* filter) const;

  ConvolutionPass pass_;
  std::shared_ptr<cudnnTensorStruct> x_tensor_, y_tensor_;
  std::shared_ptr<cudnnFilterStruct> filter_;
  std::shared_ptr<cudnnConvolutionStruct> convolution_;
  const cudnnTensorDescriptor_t x_ = x_tensor_.get(), y_ = y_tensor_.get();
  const cudnnFilterDescriptor_t w_ = filter_.get();
  const cudnnConvolutionDescriptor_t how_ = convolution_.get();
};

}  // namespace alexnode::cuda
