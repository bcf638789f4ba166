// What is used of cuDNN's C ABI (cudnn.h, version 9): convolution by the older calls, which take a handle,
// descriptors and an algorithm, pooling, and LRN to compare our own with. Statuses are 0 or an error. Numbers
// given as `const void*` factors are floats on the host.
#pragma once
#include <cstddef>

namespace alexnode::cuda {

using CUstream = struct CUstream_st*;
using cudnnHandle_t = struct cudnnContext*;
using cudnnTensorDescriptor_t = struct cudnnTensorStruct*;
using cudnnFilterDescriptor_t = struct cudnnFilterStruct*;
using cudnnConvolutionDescriptor_t = struct cudnnConvolutionStruct*;
using cudnnPoolingDescriptor_t = struct cudnnPoolingStruct*;
using cudnnLRNDescriptor_t = struct cudnnLRNStruct*;

/// cudnnConvolutionFwdAlgoPerf_t, and those of the two backward passes, which are laid out alike.
struct CudnnAlgorithm {
  int algorithm, status;
  float milliseconds;
  size_t workspace;  // bytes
  int determinism;   // 1 where equal runs give equal bits
  int math;
  int reserved[3];
};

#define ALEXNODE_CUDNN(F)                                                                                    \
  /* major · 10000 + minor · 100 + patch */                                                                \
  F(size_t, cudnnGetVersion, ())                                                                             \
  /* The CUDA it was built for: major · 1000 + minor · 10. The library has one name for CUDA 12 and 13. */ \
  F(size_t, cudnnGetCudartVersion, ())                                                                       \
  F(const char*, cudnnGetErrorString, (int status))                                                          \
  F(void, cudnnGetLastErrorString, (char* message, size_t size))                                             \
  F(int, cudnnCreate, (cudnnHandle_t * handle))                                                              \
  F(int, cudnnDestroy, (cudnnHandle_t handle))                                                               \
  F(int, cudnnSetStream, (cudnnHandle_t handle, CUstream stream))                                            \
  F(int, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t * tensor))                                    \
  F(int, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t tensor))                                     \
  F(int, cudnnSetTensor4dDescriptor,                                                                         \
    (cudnnTensorDescriptor_t tensor, int format, int type, int n, int c, int h, int w))                      \
  F(int, cudnnCreateFilterDescriptor, (cudnnFilterDescriptor_t * filter))                                    \
  F(int, cudnnDestroyFilterDescriptor, (cudnnFilterDescriptor_t filter))                                     \
  F(int, cudnnSetFilter4dDescriptor,                                                                         \
    (cudnnFilterDescriptor_t filter, int type, int format, int k, int c, int h, int w))                      \
  F(int, cudnnCreateConvolutionDescriptor, (cudnnConvolutionDescriptor_t * convolution))                     \
  F(int, cudnnDestroyConvolutionDescriptor, (cudnnConvolutionDescriptor_t convolution))                      \
  F(int, cudnnSetConvolution2dDescriptor,                                                                    \
    (cudnnConvolutionDescriptor_t convolution, int padding_h, int padding_w, int stride_h, int stride_w,     \
     int dilation_h, int dilation_w, int mode, int compute_type))                                            \
  F(int, cudnnSetConvolutionGroupCount, (cudnnConvolutionDescriptor_t convolution, int groups))              \
  F(int, cudnnSetConvolutionMathType, (cudnnConvolutionDescriptor_t convolution, int math))                  \
  F(int, cudnnGetConvolutionForwardAlgorithm_v7,                                                             \
    (cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,                             \
     cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, int wanted, int* found,            \
     CudnnAlgorithm* algorithms))                                                                            \
  F(int, cudnnGetConvolutionForwardWorkspaceSize,                                                            \
    (cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,                             \
     cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t y, int algorithm, size_t* bytes))     \
  F(int, cudnnConvolutionForward,                                                                            \
    (cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_is, const void* x,                   \
     cudnnFilterDescriptor_t w_is, const void* w, cudnnConvolutionDescriptor_t convolution, int algorithm,   \
     void* workspace, size_t workspace_bytes, const void* beta, cudnnTensorDescriptor_t y_is, void* y))      \
  F(int, cudnnGetConvolutionBackwardDataAlgorithm_v7,                                                        \
    (cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,                            \
     cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t dx, int wanted, int* found,           \
     CudnnAlgorithm* algorithms))                                                                            \
  F(int, cudnnGetConvolutionBackwardDataWorkspaceSize,                                                       \
    (cudnnHandle_t handle, cudnnFilterDescriptor_t w, cudnnTensorDescriptor_t dy,                            \
     cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t dx, int algorithm, size_t* bytes))    \
  F(int, cudnnConvolutionBackwardData,                                                                       \
    (cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w_is, const void* w,                   \
     cudnnTensorDescriptor_t dy_is, const void* dy, cudnnConvolutionDescriptor_t convolution, int algorithm, \
     void* workspace, size_t workspace_bytes, const void* beta, cudnnTensorDescriptor_t dx_is, void* dx))    \
  F(int, cudnnGetConvolutionBackwardFilterAlgorithm_v7,                                                      \
    (cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,                            \
     cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t dw, int wanted, int* found,           \
     CudnnAlgorithm* algorithms))                                                                            \
  F(int, cudnnGetConvolutionBackwardFilterWorkspaceSize,                                                     \
    (cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t dy,                            \
     cudnnConvolutionDescriptor_t convolution, cudnnFilterDescriptor_t dw, int algorithm, size_t* bytes))    \
  F(int, cudnnConvolutionBackwardFilter,                                                                     \
    (cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_is, const void* x,                   \
     cudnnTensorDescriptor_t dy_is, const void* dy, cudnnConvolutionDescriptor_t convolution, int algorithm, \
     void* workspace, size_t workspace_bytes, const void* beta, cudnnFilterDescriptor_t dw_is, void* dw))    \
  F(int, cudnnCreatePoolingDescriptor, (cudnnPoolingDescriptor_t * pooling))                                 \
  F(int, cudnnDestroyPoolingDescriptor, (cudnnPoolingDescriptor_t pooling))                                  \
  F(int, cudnnSetPooling2dDescriptor,                                                                        \
    (cudnnPoolingDescriptor_t pooling, int mode, int nan, int window_h, int window_w, int padding_h,         \
     int padding_w, int stride_h, int stride_w))                                                             \
  F(int, cudnnPoolingForward,                                                                                \
    (cudnnHandle_t handle, cudnnPoolingDescriptor_t pooling, const void* alpha,                              \
     cudnnTensorDescriptor_t x_is, const void* x, const void* beta, cudnnTensorDescriptor_t y_is, void* y))  \
  F(int, cudnnPoolingBackward,                                                                               \
    (cudnnHandle_t handle, cudnnPoolingDescriptor_t pooling, const void* alpha,                              \
     cudnnTensorDescriptor_t y_is, const void* y, cudnnTensorDescriptor_t dy_is, const void* dy,             \
     cudnnTensorDescriptor_t x_is, const void* x, const void* beta, cudnnTensorDescriptor_t dx_is,           \
     void* dx))                                                                                              \
  F(int, cudnnCreateLRNDescriptor, (cudnnLRNDescriptor_t * lrn))                                             \
  F(int, cudnnDestroyLRNDescriptor, (cudnnLRNDescriptor_t lrn))                                              \
  F(int, cudnnSetLRNDescriptor,                                                                              \
    (cudnnLRNDescriptor_t lrn, unsigned size, double alpha, double beta, double k))                          \
  F(int, cudnnLRNCrossChannelForward,                                                                        \
    (cudnnHandle_t handle, cudnnLRNDescriptor_t lrn, int mode, const void* alpha,                            \
     cudnnTensorDescriptor_t x_is, const void* x, const void* beta, cudnnTensorDescriptor_t y_is, void* y))  \
  F(int, cudnnLRNCrossChannelBackward,                                                                       \
    (cudnnHandle_t handle, cudnnLRNDescriptor_t lrn, int mode, const void* alpha,                            \
     cudnnTensorDescriptor_t y_is, const void* y, cudnnTensorDescriptor_t dy_is, const void* dy,             \
     cudnnTensorDescriptor_t x_is, const void* x, const void* beta, cudnnTensorDescriptor_t dx_is,           \
     void* dx))

struct Cudnn {
#define ALEXNODE_MEMBER(result, name, parameters) result(*name) parameters = nullptr;
  ALEXNODE_CUDNN(ALEXNODE_MEMBER)
#undef ALEXNODE_MEMBER

  template <class F>
  void visit(F&& f) {
#define ALEXNODE_VISIT(result, name, parameters) f(#name, name);
    ALEXNODE_CUDNN(ALEXNODE_VISIT)
#undef ALEXNODE_VISIT
  }
};

// cudnnStatus_t: 2000 to 2999 are bad parameters, 3000 to 3999 say that something is not supported.
inline constexpr int kCudnnBadParam = 2000, kCudnnShapeMismatch = 2008;
inline constexpr int kCudnnNotSupported = 3000, kCudnnNotSupportedEnd = 4000;
inline constexpr int kCudnnCompilationFailed = 4001, kCudnnNoHostMemory = 4003, kCudnnNoDeviceMemory = 4004;
inline constexpr int kCudnnExecutionFailed = 5000, kCudnnDriverFailed = 5001;
inline constexpr int kCudnnMixed = 1002, kCudnnPartMissing = 1008;
// cudnnDataType_t
inline constexpr int kCudnnFloat = 0, kCudnnHalf = 2, kCudnnBfloat16 = 9;
// cudnnTensorFormat_t, cudnnConvolutionMode_t
inline constexpr int kCudnnNchw = 0, kCudnnNhwc = 1;
inline constexpr int kCudnnCrossCorrelation = 1;
// cudnnMathType_t: by default f32 may be rounded to TF32.
inline constexpr int kCudnnDefaultMath = 0, kCudnnTensorOpMath = 1, kCudnnFmaMath = 3;
// cudnnDeterminism_t
inline constexpr int kCudnnDeterministic = 1;
// How many algorithms there are of each kind.
inline constexpr int kCudnnForwardCount = 8, kCudnnBackwardDataCount = 6, kCudnnBackwardFilterCount = 7;
// cudnnPoolingMode_t, cudnnNanPropagation_t, cudnnLRNMode_t
inline constexpr int kCudnnPoolAverageInclude = 1, kCudnnPoolAverageExclude = 2, kCudnnPoolMax = 3;
inline constexpr int kCudnnPropagateNan = 1;
inline constexpr int kCudnnLrnAcrossChannels = 0;

}  // namespace alexnode::cuda
