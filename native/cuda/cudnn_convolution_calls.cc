#include "cuda/cudnn_convolution_calls.h"

#include "cuda/descriptors.h"
#include "cuda/errors.h"

namespace alexnode::cuda {

namespace {

const Cudnn& cudnn(const Target& target) { return target.libraries.cudnn; }

std::shared_ptr<cudnnTensorStruct> tensor(const Target& target) {
  return make_descriptor(target.libraries, cudnn(target).cudnnCreateTensorDescriptor,
                         cudnn(target).cudnnDestroyTensorDescriptor, "cudnnCreateTensorDescriptor");
}

}  // namespace

const char* name_of(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::forward:
      return "forward";
    case ConvolutionPass::backward_data:
      return "backward data";
    case ConvolutionPass::backward_weights:
      return "backward filter";
  }
  return "";
}

ConvolutionCalls::ConvolutionCalls(const ConvolutionShape& shape, const Target& target)
    : pass_(shape.pass),
      x_tensor_(tensor(target)),
      y_tensor_(tensor(target)),
      filter_(make_descriptor(target.libraries, cudnn(target).cudnnCreateFilterDescriptor,
                              cudnn(target).cudnnDestroyFilterDescriptor, "cudnnCreateFilterDescriptor")),
      convolution_(make_descriptor(target.libraries, cudnn(target).cudnnCreateConvolutionDescriptor,
                                   cudnn(target).cudnnDestroyConvolutionDescriptor,
                                   "cudnnCreateConvolutionDescriptor")) {
  const auto& lib = cudnn(target);
  const int type = cudnn_type(shape.dtype);
  const auto set = [&](cudnnTensorDescriptor_t tensor, const Int4& d) {
    check_cudnn(
        target.libraries,
        lib.cudnnSetTensor4dDescriptor(tensor, kCudnnNhwc, type, int(d[0]), int(d[1]), int(d[2]), int(d[3])),
        "cudnnSetTensor4dDescriptor");
  };
  set(x_, shape.x);
  set(y_, shape.y);
  const auto& w = shape.w;
  check_cudnn(
      target.libraries,
      lib.cudnnSetFilter4dDescriptor(w_, type, kCudnnNhwc, int(w[0]), int(w[1]), int(w[2]), int(w[3])),
      "cudnnSetFilter4dDescriptor");
  const auto &p = shape.padding, &s = shape.stride, &d = shape.dilation;
  check_cudnn(target.libraries,
              lib.cudnnSetConvolution2dDescriptor(how_, int(p[0]), int(p[1]), int(s[0]), int(s[1]), int(d[0]),
                                                  int(d[1]), kCudnnCrossCorrelation, kCudnnFloat),
              "cudnnSetConvolution2dDescriptor");
  check_cudnn(target.libraries, lib.cudnnSetConvolutionGroupCount(how_, int(shape.groups)),
              "cudnnSetConvolutionGroupCount");
}

void ConvolutionCalls::set_math(const Target& target, int math) const {
  check_cudnn(target.libraries, cudnn(target).cudnnSetConvolutionMathType(how_, math),
              "cudnnSetConvolutionMathType");
}

ConvolutionCalls::Status ConvolutionCalls::list(const Launch& launch, int wanted, int* found,
                                                CudnnAlgorithm* to) const {
  const auto& lib = launch.libraries.cudnn;
  switch (pass_) {
    case ConvolutionPass::forward:
      return lib.cudnnGetConvolutionForwardAlgorithm_v7(launch.cudnn, x_, w_, how_, y_, wanted, found, to);
    case ConvolutionPass::backward_data:
      return lib.cudnnGetConvolutionBackwardDataAlgorithm_v7(launch.cudnn, w_, y_, how_, x_, wanted, found,
                                                             to);
    case ConvolutionPass::backward_weights:
      return lib.cudnnGetConvolutionBackwardFilterAlgorithm_v7(launch.cudnn, x_, y_, how_, w_, wanted, found,
                                                               to);
  }
  return kCudnnBadParam;
}

ConvolutionCalls::Status ConvolutionCalls::measure(const Launch& launch, int number, size_t* bytes) const {
  const auto& lib = launch.libraries.cudnn;
  switch (pass_) {
    case ConvolutionPass::forward:
      return lib.cudnnGetConvolutionForwardWorkspaceSize(launch.cudnn, x_, w_, how_, y_, number, bytes);
    case ConvolutionPass::backward_data:
      return lib.cudnnGetConvolutionBackwardDataWorkspaceSize(launch.cudnn, w_, y_, how_, x_, number, bytes);
    case ConvolutionPass::backward_weights:
      return lib.cudnnGetConvolutionBackwardFilterWorkspaceSize(launch.cudnn, x_, y_, how_, w_, number,
                                                                bytes);
  }
  return kCudnnBadParam;
}

ConvolutionCalls::Status ConvolutionCalls::start(const Launch& launch, int number, void* to, const void* a,
                                                 const void* b, void* workspace, size_t bytes) const {
  const auto& lib = launch.libraries.cudnn;
  static constexpr float kOne = 1, kZero = 0;
  switch (pass_) {
    case ConvolutionPass::forward:
      return lib.cudnnConvolutionForward(launch.cudnn, &kOne, x_, a, w_, b, how_, number, workspace, bytes,
                                         &kZero, y_, to);
    case ConvolutionPass::backward_data:
      return lib.cudnnConvolutionBackwardData(launch.cudnn, &kOne, w_, b, y_, a, how_, number, workspace,
                                              bytes, &kZero, x_, to);
    case ConvolutionPass::backward_weights:
      return lib.cudnnConvolutionBackwardFilter(launch.cudnn, &kOne, x_, a, y_, b, how_, number, workspace,
                                                bytes, &kZero, w_, to);
  }
  return kCudnnBadParam;
}

const char* ConvolutionCalls::one_of(const char* forward, const char* data, const char* filter) const {
  if (pass_ == ConvolutionPass::forward) return forward;
  return pass_ == ConvolutionPass::backward_data ? data : filter;
}

const char* ConvolutionCalls::list_name() const {
  return one_of("cudnnGetConvolutionForwardAlgorithm_v7", "cudnnGetConvolutionBackwardDataAlgorithm_v7",
                "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
}

const char* ConvolutionCalls::measure_name() const {
  return one_of("cudnnGetConvolutionForwardWorkspaceSize", "cudnnGetConvolutionBackwardDataWorkspaceSize",
                "cudnnGetConvolutionBackwardFilterWorkspaceSize");
}

const char* ConvolutionCalls::start_name() const {
  return one_of("cudnnConvolutionForward", "cudnnConvolutionBackwardData", "cudnnConvolutionBackwardFilter");
}

}  // namespace alexnode::cuda
