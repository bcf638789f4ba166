// Holds our declarations of NVIDIA's libraries (native/cuda/api/) against their own headers, at compile time:
// as many parameters, each of the same size and class, structs laid out alike, the same enumerators. -DCUDA,
// -DNVRTC, -DCUBLASLT, -DCUBLAS, -DCUDNN and -DNCCL say which.
#include <cstddef>
#include <tuple>
#include <type_traits>

#include "cuda/api/cublas.h"
#include "cuda/api/cublaslt.h"
#include "cuda/api/cudnn.h"
#include "cuda/api/driver.h"
#include "cuda/api/nccl.h"
#include "cuda/api/nvrtc.h"

namespace ours {
// Taken before cuda.h is there, whose macros give some names other versions.
#define KEEP(name, parameters) using name##_ours = decltype(alexnode::cuda::Driver::name);
ALEXNODE_DRIVER(KEEP)
}  // namespace ours

namespace {

enum class Class { nothing, pointer, integer, floating, structure };

template <class T>
constexpr Class class_of() {
  if (std::is_void_v<T>) return Class::nothing;
  if (std::is_pointer_v<T>) return Class::pointer;
  if (std::is_integral_v<T> || std::is_enum_v<T>) return Class::integer;
  return std::is_floating_point_v<T> ? Class::floating : Class::structure;
}
template <class T>
constexpr size_t size_of() {
  if constexpr (std::is_void_v<T>)
    return 0;
  else
    return sizeof(T);
}
template <class A, class B>
constexpr bool alike() {
  return class_of<A>() == class_of<B>() && size_of<A>() == size_of<B>();
}

template <class Ours, class Theirs>
struct Same;
template <class R, class... A, class S, class... B>
struct Same<R (*)(A...), S (*)(B...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(A) == sizeof...(B))
      return alike<R, S>() && (alike<A, B>() && ...);
    else
      return false;
  }();
};

/// Whether two structs have this member in the same place, of one size.
#define PLACE(Ours, a, Theirs, b)                                                                 \
  static_assert(offsetof(Ours, a) == offsetof(Theirs, b) && sizeof(Ours::a) == sizeof(Theirs::b), \
                #Theirs "::" #b)
#define SIZE(Ours, Theirs) static_assert(sizeof(Ours) == sizeof(Theirs), #Theirs)
#define EQUAL(ours, theirs) static_assert(int(alexnode::cuda::ours) == int(theirs), #theirs)

}  // namespace

#ifdef CUDA
#include <cuda.h>
#define CHECK(name, parameters) static_assert(Same<ours::name##_ours, decltype(&::name)>::value, #name);
ALEXNODE_DRIVER(CHECK)
using Props = alexnode::cuda::CUmemPoolProps;
SIZE(Props, ::CUmemPoolProps);
PLACE(Props, alloc_type, ::CUmemPoolProps, allocType);
PLACE(Props, handle_types, ::CUmemPoolProps, handleTypes);
PLACE(Props, location_type, ::CUmemPoolProps, location.type);
PLACE(Props, location_id, ::CUmemPoolProps, location.id);
PLACE(Props, max_size, ::CUmemPoolProps, maxSize);
using Access = alexnode::cuda::CUmemAccessDesc;
SIZE(Access, ::CUmemAccessDesc);
PLACE(Access, location_type, ::CUmemAccessDesc, location.type);
PLACE(Access, location_id, ::CUmemAccessDesc, location.id);
PLACE(Access, flags, ::CUmemAccessDesc, flags);
static_assert(Props().alloc_type == CU_MEM_ALLOCATION_TYPE_PINNED);
static_assert(Props().location_type == CU_MEM_LOCATION_TYPE_DEVICE);
static_assert(Access().flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
EQUAL(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
EQUAL(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
EQUAL(kUnsupportedPtx, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
EQUAL(kInvalidImage, CUDA_ERROR_INVALID_IMAGE);
EQUAL(kInvalidPtx, CUDA_ERROR_INVALID_PTX);
EQUAL(kNoJitCompiler, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
EQUAL(kJitDisabled, CUDA_ERROR_JIT_COMPILATION_DISABLED);
EQUAL(kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
EQUAL(kComputeCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
EQUAL(kComputeCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
EQUAL(kMemoryPoolsSupported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
EQUAL(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
EQUAL(kEventBlockingSync, CU_EVENT_BLOCKING_SYNC);
EQUAL(kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
EQUAL(kCaptureRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
EQUAL(kGraphNodePriority, CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY);
EQUAL(kHostPortable, CU_MEMHOSTALLOC_PORTABLE);
EQUAL(kPoolReleaseThreshold, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD);
EQUAL(kPoolReserved, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT);
#endif

// Of the libraries without such macros the members of our structs can be held against theirs one by one.
#define MEMBER(Library, name) \
  static_assert(Same<decltype(alexnode::cuda::Library::name), decltype(&::name)>::value, #name);

#ifdef NVRTC
#include <nvrtc.h>
MEMBER(Nvrtc, nvrtcVersion)
MEMBER(Nvrtc, nvrtcGetErrorString)
MEMBER(Nvrtc, nvrtcCreateProgram)
MEMBER(Nvrtc, nvrtcDestroyProgram)
MEMBER(Nvrtc, nvrtcCompileProgram)
MEMBER(Nvrtc, nvrtcGetProgramLogSize)
MEMBER(Nvrtc, nvrtcGetProgramLog)
MEMBER(Nvrtc, nvrtcGetCUBINSize)
MEMBER(Nvrtc, nvrtcGetCUBIN)
MEMBER(Nvrtc, nvrtcGetNumSupportedArchs)
MEMBER(Nvrtc, nvrtcGetSupportedArchs)
#endif

#ifdef CUBLAS
#include <cublas_v2.h>
MEMBER(Cublas, cublasGetProperty)
#endif

#ifdef NCCL
#include <nccl.h>
MEMBER(Nccl, ncclGetVersion)
MEMBER(Nccl, ncclGetUniqueId)
MEMBER(Nccl, ncclCommInitRankConfig)
MEMBER(Nccl, ncclCommGetAsyncError)
MEMBER(Nccl, ncclCommFinalize)
MEMBER(Nccl, ncclCommDestroy)
MEMBER(Nccl, ncclCommAbort)
MEMBER(Nccl, ncclAllReduce)
MEMBER(Nccl, ncclBroadcast)
MEMBER(Nccl, ncclGetErrorString)
MEMBER(Nccl, ncclGetLastError)
using Config = alexnode::cuda::NcclConfig;
SIZE(alexnode::cuda::ncclUniqueId, ::ncclUniqueId);
PLACE(Config, size, ::ncclConfig_t, size);
PLACE(Config, magic, ::ncclConfig_t, magic);
PLACE(Config, version, ::ncclConfig_t, version);
PLACE(Config, blocking, ::ncclConfig_t, blocking);
EQUAL(kNcclUnhandledCudaError, ncclUnhandledCudaError);
EQUAL(kNcclSystemError, ncclSystemError);
EQUAL(kNcclInternalError, ncclInternalError);
EQUAL(kNcclInvalidArgument, ncclInvalidArgument);
EQUAL(kNcclInvalidUsage, ncclInvalidUsage);
EQUAL(kNcclRemoteError, ncclRemoteError);
EQUAL(kNcclInProgress, ncclInProgress);
EQUAL(kNcclUint8, ncclUint8);
EQUAL(kNcclFloat32, ncclFloat32);
EQUAL(kNcclBfloat16, ncclBfloat16);
EQUAL(kNcclSum, ncclSum);
#endif

#ifdef CUBLASLT
#include <cublasLt.h>
#define CHECK_LT(result, name, parameters) MEMBER(CublasLt, name)
ALEXNODE_CUBLASLT(CHECK_LT)
using Heuristic = alexnode::cuda::CublasLtHeuristic;
SIZE(alexnode::cuda::CublasLtAlgorithm, ::cublasLtMatmulAlgo_t);
SIZE(Heuristic, ::cublasLtMatmulHeuristicResult_t);
PLACE(Heuristic, algorithm, ::cublasLtMatmulHeuristicResult_t, algo);
PLACE(Heuristic, workspace, ::cublasLtMatmulHeuristicResult_t, workspaceSize);
PLACE(Heuristic, status, ::cublasLtMatmulHeuristicResult_t, state);
PLACE(Heuristic, waves, ::cublasLtMatmulHeuristicResult_t, wavesCount);
EQUAL(kCublasNoMemory, CUBLAS_STATUS_ALLOC_FAILED);
EQUAL(kCublasInvalidValue, CUBLAS_STATUS_INVALID_VALUE);
EQUAL(kCublasArchMismatch, CUBLAS_STATUS_ARCH_MISMATCH);
EQUAL(kCublasExecutionFailed, CUBLAS_STATUS_EXECUTION_FAILED);
EQUAL(kCublasNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
EQUAL(kCublasFloat, CUDA_R_32F);
EQUAL(kCublasHalf, CUDA_R_16F);
EQUAL(kCublasBfloat16, CUDA_R_16BF);
EQUAL(kCublasComputeF32, CUBLAS_COMPUTE_32F);
EQUAL(kCublasComputeTf32, CUBLAS_COMPUTE_32F_FAST_TF32);
EQUAL(kCublasPlain, CUBLAS_OP_N);
EQUAL(kCublasTransposed, CUBLAS_OP_T);
EQUAL(kLtTransA, CUBLASLT_MATMUL_DESC_TRANSA);
EQUAL(kLtTransB, CUBLASLT_MATMUL_DESC_TRANSB);
EQUAL(kLtEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
EQUAL(kLtBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
EQUAL(kLtAuxPointer, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER);
EQUAL(kLtAuxLd, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD);
EQUAL(kLtBiasType, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE);
EQUAL(kLtNoEpilogue, CUBLASLT_EPILOGUE_DEFAULT);
EQUAL(kLtRelu, CUBLASLT_EPILOGUE_RELU);
EQUAL(kLtBias, CUBLASLT_EPILOGUE_BIAS);
EQUAL(kLtReluBias, CUBLASLT_EPILOGUE_RELU_BIAS);
EQUAL(kLtReluAux, CUBLASLT_EPILOGUE_RELU_AUX);
EQUAL(kLtReluAuxBias, CUBLASLT_EPILOGUE_RELU_AUX_BIAS);
EQUAL(kLtDrelu, CUBLASLT_EPILOGUE_DRELU);
EQUAL(kLtBgradA, CUBLASLT_EPILOGUE_BGRADA);
EQUAL(kLtBgradB, CUBLASLT_EPILOGUE_BGRADB);
EQUAL(kLtMaxWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
EQUAL(kLtReductionMask, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
EQUAL(kLtMinAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
EQUAL(kLtMinAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
EQUAL(kLtMinAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
EQUAL(kLtMinAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
#endif

#ifdef CUDNN
#include <cudnn.h>
#define CHECK_CUDNN(result, name, parameters) MEMBER(Cudnn, name)
ALEXNODE_CUDNN(CHECK_CUDNN)
using Algorithm = alexnode::cuda::CudnnAlgorithm;
#define CHECK_ALGORITHM(Theirs)                       \
  SIZE(Algorithm, Theirs);                            \
  PLACE(Algorithm, algorithm, Theirs, algo);          \
  PLACE(Algorithm, status, Theirs, status);           \
  PLACE(Algorithm, milliseconds, Theirs, time);       \
  PLACE(Algorithm, workspace, Theirs, memory);        \
  PLACE(Algorithm, determinism, Theirs, determinism); \
  PLACE(Algorithm, math, Theirs, mathType)
CHECK_ALGORITHM(::cudnnConvolutionFwdAlgoPerf_t);
CHECK_ALGORITHM(::cudnnConvolutionBwdDataAlgoPerf_t);
CHECK_ALGORITHM(::cudnnConvolutionBwdFilterAlgoPerf_t);
EQUAL(kCudnnBadParam, CUDNN_STATUS_BAD_PARAM);
EQUAL(kCudnnShapeMismatch, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH);
EQUAL(kCudnnNotSupported, CUDNN_STATUS_NOT_SUPPORTED);
EQUAL(kCudnnCompilationFailed, CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED);
EQUAL(kCudnnNoHostMemory, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED);
EQUAL(kCudnnNoDeviceMemory, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED);
EQUAL(kCudnnExecutionFailed, CUDNN_STATUS_EXECUTION_FAILED);
EQUAL(kCudnnDriverFailed, CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER);
EQUAL(kCudnnMixed, CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH);
EQUAL(kCudnnPartMissing, CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED);
EQUAL(kCudnnFloat, CUDNN_DATA_FLOAT);
EQUAL(kCudnnHalf, CUDNN_DATA_HALF);
EQUAL(kCudnnBfloat16, CUDNN_DATA_BFLOAT16);
EQUAL(kCudnnNchw, CUDNN_TENSOR_NCHW);
EQUAL(kCudnnNhwc, CUDNN_TENSOR_NHWC);
EQUAL(kCudnnCrossCorrelation, CUDNN_CROSS_CORRELATION);
EQUAL(kCudnnDefaultMath, CUDNN_DEFAULT_MATH);
EQUAL(kCudnnTensorOpMath, CUDNN_TENSOR_OP_MATH);
EQUAL(kCudnnFmaMath, CUDNN_FMA_MATH);
EQUAL(kCudnnDeterministic, CUDNN_DETERMINISTIC);
EQUAL(kCudnnForwardCount, CUDNN_CONVOLUTION_FWD_ALGO_COUNT);
EQUAL(kCudnnBackwardDataCount, CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT);
EQUAL(kCudnnBackwardFilterCount, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT);
EQUAL(kCudnnPoolAverageInclude, CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING);
EQUAL(kCudnnPoolAverageExclude, CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING);
EQUAL(kCudnnPoolMax, CUDNN_POOLING_MAX_DETERMINISTIC);
EQUAL(kCudnnPropagateNan, CUDNN_PROPAGATE_NAN);
EQUAL(kCudnnLrnAcrossChannels, CUDNN_LRN_CROSS_CHANNEL_DIM1);
#endif
