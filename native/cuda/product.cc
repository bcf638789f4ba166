// cublasLt's heuristics choose; what they choose is kept for the life of the kernel, so equal runs give equal
// bits. Products of 16-bit numbers are summed in f32; f32 stays f32 unless TF32 was chosen.
#include "cuda/product.h"

#include <array>
#include <cstdint>

namespace alexnode::cuda {

namespace {

/// Enough for every algorithm on Hopper, according to NVIDIA; less if memory is small.
constexpr size_t kProductWorkspace = size_t(32) << 20;
constexpr int kOffers = 8;
/// The alignment of tensors that streams check.
constexpr uint32_t kAlignment = 16;

template <class T>
class Handle {
 public:
  explicit Handle(int (*destroy)(T)) : destroy_(destroy) {}
  ~Handle() {
    if (handle_) destroy_(handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  T* operator&() { return &handle_; }
  operator T() const { return handle_; }

 private:
  int (*destroy_)(T);
  T handle_ = nullptr;
};

int cublas_type(DType t) {
  return t == DType::f32 ? kCublasFloat : t == DType::f16 ? kCublasHalf : kCublasBfloat16;
}

uint32_t epilogue_of(Beside beside) {
  switch (beside) {
    case Beside::nothing:
      return kLtNoEpilogue;
    case Beside::bias:
      return kLtBias;
    case Beside::bias_relu:
      return kLtReluBias;
    case Beside::bias_relu_bits:
      return kLtReluAuxBias;
    case Beside::relu:
      return kLtRelu;
    case Beside::relu_bits:
      return kLtReluAux;
    case Beside::cut:
      return kLtDrelu;
    case Beside::sums_a:
      return kLtBgradA;
    case Beside::sums_b:
      return kLtBgradB;
  }
  return kLtNoEpilogue;
}

bool has_vector(Beside beside) {
  return beside == Beside::bias || beside == Beside::bias_relu || beside == Beside::bias_relu_bits ||
         beside == Beside::sums_a || beside == Beside::sums_b;
}

bool has_bits(Beside beside) {
  return beside == Beside::bias_relu_bits || beside == Beside::relu_bits || beside == Beside::cut;
}

class LtProduct final : public Product {
 public:
  LtProduct(const ProductShape& shape, Beside beside, const Target& target)
      : alpha_(shape.alpha),
        beta_(shape.beta),
        vector_(has_vector(beside)),
        bits_(has_bits(beside)),
        product_(lt(target).cublasLtMatmulDescDestroy),
        a_(lt(target).cublasLtMatrixLayoutDestroy),
        b_(lt(target).cublasLtMatrixLayoutDestroy),
        d_(lt(target).cublasLtMatrixLayoutDestroy) {
    const auto& libraries = target.libraries;
    const bool tf32 = target.options.tf32 && shape.inputs == DType::f32;
    check_cublas(libraries,
                 lt(target).cublasLtMatmulDescCreate(&product_, tf32 ? kCublasComputeTf32 : kCublasComputeF32,
                                                     kCublasFloat),
                 "cublasLtMatmulDescCreate");
    set(libraries, kLtTransA, int32_t(shape.transpose_a ? kCublasTransposed : kCublasPlain));
    set(libraries, kLtTransB, int32_t(shape.transpose_b ? kCublasTransposed : kCublasPlain));
    set(libraries, kLtEpilogue, epilogue_of(beside));
    if (vector_) set(libraries, kLtBiasType, int32_t(kCublasFloat));
    if (bits_) {
      set(libraries, kLtAuxLd, shape.m);
      // From this the heuristics learn the stride of the bits.
      set(libraries, kLtAuxPointer, uintptr_t(kAlignment));
    }
    const auto layout = [&](Handle<cublasLtMatrixLayout_t>& to, DType type, int64_t rows, int64_t columns,
                            int64_t ld) {
      check_cublas(libraries,
                   lt(target).cublasLtMatrixLayoutCreate(&to, cublas_type(type), uint64_t(rows),
                                                         uint64_t(columns), ld),
                   "cublasLtMatrixLayoutCreate");
    };
    const auto [m, n, k] = std::array{shape.m, shape.n, shape.k};
    layout(a_, shape.inputs, shape.transpose_a ? k : m, shape.transpose_a ? m : k, shape.a_ld);
    layout(b_, shape.inputs, shape.transpose_b ? n : k, shape.transpose_b ? k : n, shape.b_ld);
    layout(d_, shape.output, m, n, shape.d_ld);
  }

  /// The status of the search: not 0 where nothing fits.
  int choose(const Target& target) {
    const auto& libraries = target.libraries;
    Handle<cublasLtMatmulPreference_t> wish(lt(target).cublasLtMatmulPreferenceDestroy);
    check_cublas(libraries, lt(target).cublasLtMatmulPreferenceCreate(&wish),
                 "cublasLtMatmulPreferenceCreate");
    const auto prefer = [&](int attribute, auto value) {
      check_cublas(libraries,
                   lt(target).cublasLtMatmulPreferenceSetAttribute(wish, attribute, &value, sizeof value),
                   "cublasLtMatmulPreferenceSetAttribute");
    };
    prefer(kLtMaxWorkspace, uint64_t(std::min(kProductWorkspace, target.gpu.memory / 32)));
    for (const int which : {kLtMinAlignmentA, kLtMinAlignmentB, kLtMinAlignmentC, kLtMinAlignmentD})
      prefer(which, kAlignment);
    std::array<CublasLtHeuristic, kOffers> offers{};
    int found = 0;
    const int status = lt(target).cublasLtMatmulAlgoGetHeuristic(target.launch.cublaslt, product_, a_, b_, d_,
                                                                 d_, wish, kOffers, offers.data(), &found);
    if (status) return status;
    for (int i = 0; i < found; i++)
      if (const auto& offer = offers[size_t(i)]; offer.status == 0) {
        algorithm_ = offer.algorithm;
        workspace = offer.workspace;
        return 0;
      }
    return kCublasNotSupported;
  }

  void run(const Launch& launch, void* d, const void* a, const void* b, float* vector, uint8_t* bits,
           const Args& args) const override {
    if (vector_) set(launch.libraries, kLtBiasPointer, vector);
    if (bits_) set(launch.libraries, kLtAuxPointer, bits);
    check_cublas(launch.libraries,
                 launch.libraries.cublaslt.cublasLtMatmul(
                     launch.cublaslt, product_, &alpha_, a, a_, b, b_, &beta_, d, d_, d, d_, &algorithm_,
                     workspace ? Scratch::at(args, at) : nullptr, workspace, launch.stream),
                 "cublasLtMatmul");
  }

  size_t workspace = 0, at = 0;  // bytes, and where in scratch

 private:
  static const CublasLt& lt(const Target& target) { return target.libraries.cublaslt; }

  template <class T>
  void set(const Libraries& libraries, int attribute, const T& value) const {
    check_cublas(libraries,
                 libraries.cublaslt.cublasLtMatmulDescSetAttribute(product_, attribute, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
  }

  float alpha_, beta_;
  bool vector_, bits_;
  Handle<cublasLtMatmulDesc_t> product_;
  Handle<cublasLtMatrixLayout_t> a_, b_, d_;
  CublasLtAlgorithm algorithm_{};
};

}  // namespace

std::shared_ptr<const Product> make_product(const ProductShape& shape, Beside beside, const Target& target,
                                            Scratch& scratch) {
  auto product = std::make_shared<LtProduct>(shape, beside, target);
  const int status = product->choose(target);
  // An error of the product itself also shows without an epilogue.
  if (status && beside != Beside::nothing) return nullptr;
  check_cublas(target.libraries, status, "cublasLtMatmulAlgoGetHeuristic");
  if (product->workspace) product->at = scratch.take(product->workspace);
  return product;
}

}  // namespace alexnode::cuda
