// What is used of cublasLt's C ABI (cublasLt.h, cublas_api.h, library_types.h), the same in CUDA 12 and 13.
// Statuses are 0 or an error. Matrices lie column by column unless a layout says otherwise.
#pragma once
#include <cstddef>
#include <cstdint>

namespace alexnode::cuda {

using CUstream = struct CUstream_st*;
using cublasLtHandle_t = struct cublasLtContext*;
using cublasLtMatmulDesc_t = struct cublasLtMatmulDescOpaque*;
using cublasLtMatrixLayout_t = struct cublasLtMatrixLayoutOpaque*;
using cublasLtMatmulPreference_t = struct cublasLtMatmulPreferenceOpaque*;

/// cublasLtMatmulAlgo_t: it may be kept, and used with another handle.
struct CublasLtAlgorithm {
  uint64_t data[8];
};
/// cublasLtMatmulHeuristicResult_t
struct CublasLtHeuristic {
  CublasLtAlgorithm algorithm;
  size_t workspace;  // bytes
  int status;
  float waves;
  int reserved[4];
};

#define ALEXNODE_CUBLASLT(F)                                                                           \
  /* Major, minor or patch (0, 1, 2) of the version. */                                                \
  F(int, cublasLtGetProperty, (int which, int* value))                                                 \
  F(const char*, cublasLtGetStatusName, (int status))                                                  \
  F(const char*, cublasLtGetStatusString, (int status))                                                \
  F(int, cublasLtCreate, (cublasLtHandle_t * handle))                                                  \
  F(int, cublasLtDestroy, (cublasLtHandle_t handle))                                                   \
  F(int, cublasLtMatmulDescCreate, (cublasLtMatmulDesc_t * product, int compute_type, int scale_type)) \
  F(int, cublasLtMatmulDescDestroy, (cublasLtMatmulDesc_t product))                                    \
  F(int, cublasLtMatmulDescSetAttribute,                                                               \
    (cublasLtMatmulDesc_t product, int attribute, const void* value, size_t bytes))                    \
  F(int, cublasLtMatrixLayoutCreate,                                                                   \
    (cublasLtMatrixLayout_t * layout, int type, uint64_t rows, uint64_t columns, int64_t ld))          \
  F(int, cublasLtMatrixLayoutDestroy, (cublasLtMatrixLayout_t layout))                                 \
  F(int, cublasLtMatmulPreferenceCreate, (cublasLtMatmulPreference_t * preference))                    \
  F(int, cublasLtMatmulPreferenceDestroy, (cublasLtMatmulPreference_t preference))                     \
  F(int, cublasLtMatmulPreferenceSetAttribute,                                                         \
    (cublasLtMatmulPreference_t preference, int attribute, const void* value, size_t bytes))           \
  F(int, cublasLtMatmulAlgoGetHeuristic,                                                               \
    (cublasLtHandle_t handle, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,                  \
     cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,                     \
     cublasLtMatmulPreference_t preference, int wanted, CublasLtHeuristic* results, int* found))       \
  F(int, cublasLtMatmul,                                                                               \
    (cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,          \
     cublasLtMatrixLayout_t a_is, const void* b, cublasLtMatrixLayout_t b_is, const void* beta,        \
     const void* c, cublasLtMatrixLayout_t c_is, void* d, cublasLtMatrixLayout_t d_is,                 \
     const CublasLtAlgorithm* algorithm, void* workspace, size_t workspace_bytes, CUstream stream))

struct CublasLt {
#define ALEXNODE_MEMBER(result, name, parameters) result(*name) parameters = nullptr;
  ALEXNODE_CUBLASLT(ALEXNODE_MEMBER)
#undef ALEXNODE_MEMBER

  template <class F>
  void visit(F&& f) {
#define ALEXNODE_VISIT(result, name, parameters) f(#name, name);
    ALEXNODE_CUBLASLT(ALEXNODE_VISIT)
#undef ALEXNODE_VISIT
  }
};

// cublasStatus_t
inline constexpr int kCublasNoMemory = 3, kCublasInvalidValue = 7, kCublasArchMismatch = 8;
inline constexpr int kCublasExecutionFailed = 13, kCublasNotSupported = 15;
// cudaDataType_t
inline constexpr int kCublasFloat = 0, kCublasHalf = 2, kCublasBfloat16 = 14;
// cublasComputeType_t
inline constexpr int kCublasComputeF32 = 68, kCublasComputeTf32 = 77;
// cublasOperation_t
inline constexpr int kCublasPlain = 0, kCublasTransposed = 1;
// cublasLtMatmulDescAttributes_t
inline constexpr int kLtTransA = 3, kLtTransB = 4, kLtEpilogue = 7, kLtBiasPointer = 8, kLtAuxPointer = 11,
                     kLtAuxLd = 12, kLtBiasType = 26;
// cublasLtEpilogue_t. BGRADA and BGRADB: the bias vector becomes the sums of A's rows, or of B's columns,
// along the inner dim. AUX: the ReLU's bits are written as well, and DRELU reads them.
inline constexpr int kLtNoEpilogue = 1, kLtRelu = 2, kLtBias = 4, kLtReluBias = 6, kLtReluAux = 130,
                     kLtReluAuxBias = 134, kLtDrelu = 136, kLtBgradA = 256, kLtBgradB = 512;
// cublasLtMatmulPreferenceAttributes_t
inline constexpr int kLtMaxWorkspace = 1, kLtReductionMask = 3, kLtMinAlignmentA = 5, kLtMinAlignmentB = 6,
                     kLtMinAlignmentC = 7, kLtMinAlignmentD = 8;
// cublasLtReductionScheme_t, a mask
inline constexpr uint32_t kLtReduceNone = 0;

}  // namespace alexnode::cuda
