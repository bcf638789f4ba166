// A double of libcublasLt. Products are interpreted with sums in double. Epilogues are offered as by
// cublasLt, or less often, so that both paths are tested: a bias in the dtype of the result alone, its
// gradient for dims that are multiples of 8, ReLU's bits and derivative for a multiple of 8 columns.
// -DCUDA=13000.
#include "cuda/api/cublaslt.h"

#include <algorithm>
#include <cstdint>

#include "vendor.h"

using namespace alexnode::cuda;

namespace alexnode::cuda {

struct cublasLtContext {
  void* context = fake_context();
};
struct cublasLtMatmulDescOpaque {
  int compute, scale;
  int32_t transposed[2] = {};
  uint32_t epilogue = kLtNoEpilogue;
  void* bias = nullptr;
  int32_t bias_type = -1;
  uint8_t* aux = nullptr;
  int64_t aux_ld = 0;  // bits
};
struct cublasLtMatrixLayoutOpaque {
  int type;
  int64_t rows, columns, ld;
};
struct cublasLtMatmulPreferenceOpaque {
  uint64_t workspace = 0;
  uint32_t alignment[4] = {256, 256, 256, 256}, reduction = 7;
};

}  // namespace alexnode::cuda

namespace {

constexpr uint64_t kMark = 0xa16e;

#define BEGIN \
  if (const int e = fake_call(__func__)) return e
/// It is done even if an error is planned.
#define GIVE_BACK(object)                 \
  const int failed = fake_call(__func__); \
  const int wrong = destroy(object);      \
  return failed ? failed : wrong

Alive& alive() {
  static auto* the_alive = new Alive("cublaslt objects");
  return *the_alive;
}

template <class... T>
bool all_alive(const T*... made) {
  return (alive().has(made) && ...);
}
template <class T>
int destroy(T* made) {
  return alive().remove(made) ? 0 : kCublasInvalidValue;
}

bool float_type(int type) { return type == kCublasFloat || type == kCublasHalf || type == kCublasBfloat16; }
Type type_of(int type) {
  return type == kCublasFloat ? Type::f32 : type == kCublasHalf ? Type::f16 : Type::bf16;
}

struct Product {
  cublasLtMatmulDescOpaque how;
  cublasLtMatrixLayoutOpaque a, b, c, d;
  int64_t m() const { return d.rows; }
  int64_t n() const { return d.columns; }
  int64_t k() const { return how.transposed[0] ? a.rows : a.columns; }
};

constexpr uint32_t kAux = 128;

int check(const Product& p) {
  const auto& [how, a, b, c, d] = p;
  for (const auto* l : {&a, &b, &c, &d})
    if (!float_type(l->type) || l->rows < 1 || l->columns < 1 || l->ld < l->rows) return kCublasInvalidValue;
  if ((how.transposed[0] ? a.columns : a.rows) != p.m() ||
      (how.transposed[1] ? b.columns : b.rows) != p.k() ||
      (how.transposed[1] ? b.rows : b.columns) != p.n() || c.rows != d.rows || c.columns != d.columns)
    return kCublasInvalidValue;
  if (how.scale != kCublasFloat) return kCublasNotSupported;
  if (how.compute != kCublasComputeF32 && how.compute != kCublasComputeTf32) return kCublasNotSupported;
  if (how.compute == kCublasComputeTf32 && a.type != kCublasFloat) return kCublasNotSupported;
  if (a.type != b.type || c.type != d.type || (d.type != a.type && d.type != kCublasFloat))
    return kCublasNotSupported;
  if (how.epilogue & kAux && (!how.aux || how.aux_ld % 128 != 0 || how.aux_ld < p.m()))
    return kCublasInvalidValue;
  const int bias_type = how.bias_type < 0 ? d.type : how.bias_type;
  switch (how.epilogue) {
    case kLtNoEpilogue:
    case kLtRelu:
      return 0;
    case kLtBias:
    case kLtReluBias:
      return bias_type == d.type ? 0 : kCublasNotSupported;
    case kLtReluAuxBias:
      if (bias_type != d.type) return kCublasNotSupported;
      [[fallthrough]];
    case kLtReluAux:
      return p.n() % 8 == 0 ? 0 : kCublasNotSupported;
    case kLtDrelu:
      return p.n() % 8 == 0 && p.k() > 1 ? 0 : kCublasNotSupported;
    case kLtBgradA:
    case kLtBgradB:
      return bias_type == d.type && p.m() % 8 == 0 && p.n() % 8 == 0 ? 0 : kCublasNotSupported;
    default:
      return kCublasNotSupported;
  }
}

void run(const Product& p, float alpha, const void* a, const void* b, float beta, const void* c, void* d) {
  const auto& how = p.how;
  const int64_t m = p.m(), n = p.n(), k = p.k();
  const bool bias = how.epilogue & kLtBias, relu = how.epilogue & kLtRelu;
  // Of op(a) the rows, of op(b) the columns, each in one piece.
  const auto gather = [k](const cublasLtMatrixLayoutOpaque& l, const void* from, int64_t count, bool along) {
    std::vector<float> out(size_t(count * k));
    for (int64_t i = 0; i < count; i++)
      for (int64_t j = 0; j < k; j++)
        out[size_t(i * k + j)] = load(type_of(l.type), from, along ? i * l.ld + j : j * l.ld + i);
    return out;
  };
  auto x = gather(p.a, a, m, how.transposed[0]), y = gather(p.b, b, n, !how.transposed[1]);
  if (how.compute == kCublasComputeTf32) round_to_tf32(x), round_to_tf32(y);
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < m; i++) {
      const float *u = &x[size_t(i * k)], *v = &y[size_t(j * k)];
      double sums[4] = {};
      int64_t l = 0;
      for (; l + 4 <= k; l += 4)
        for (int s = 0; s < 4; s++) sums[s] += double(u[l + s]) * v[l + s];
      for (; l < k; l++) sums[0] += double(u[l]) * v[l];
      float value = alpha * float(sums[0] + sums[1] + sums[2] + sums[3]);
      if (beta != 0) value += beta * load(type_of(p.c.type), c, j * p.c.ld + i);
      if (bias) value += load(type_of(p.d.type), how.bias, i);
      if (how.epilogue & kAux) {
        const int64_t at = j * how.aux_ld + i;
        auto& byte = how.aux[at / 8];
        const auto bit = uint8_t(1 << at % 8);
        if (relu) byte = uint8_t(value <= 0 ? byte & ~bit : byte | bit);
        if (!relu && !(byte & bit)) value = 0;
      }
      store(type_of(p.d.type), d, j * p.d.ld + i, relu && value < 0 ? 0 : value);
    }
  const auto sum_into_bias = [&](const std::vector<float>& from, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++) sum += from[size_t(i * k + l)];
      store(type_of(p.d.type), how.bias, i, float(sum));
    }
  };
  if (how.epilogue == kLtBgradA) sum_into_bias(x, m);
  if (how.epilogue == kLtBgradB) sum_into_bias(y, n);
}

/// What an algorithm supports: the type of the result, and an epilogue.
uint64_t kind_of(const cublasLtMatmulDescOpaque& how, const cublasLtMatrixLayoutOpaque& d) {
  return uint64_t(how.epilogue) << 8 | uint64_t(d.type);
}

template <class T>
int set(T& field, const void* value, size_t bytes) {
  if (bytes != sizeof field) return kCublasInvalidValue;
  std::memcpy(&field, value, bytes);
  return 0;
}

}  // namespace

extern "C" {

int cublasLtGetProperty(int which, int* value) {
  BEGIN;
  *value = which == 0 ? CUDA / 1000 : which;
  return 0;
}
const char* cublasLtGetStatusName(int status) {
  switch (status) {
    case 0:
      return "CUBLAS_STATUS_SUCCESS";
    case kCublasInvalidValue:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case kCublasNotSupported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case kCublasExecutionFailed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
  }
}
const char* cublasLtGetStatusString(int status) { return status ? "it did not go well" : "success"; }

int cublasLtCreate(cublasLtHandle_t* handle) {
  BEGIN;
  *handle = alive().add(new cublasLtContext);
  return 0;
}
int cublasLtDestroy(cublasLtHandle_t handle) { GIVE_BACK(handle); }

int cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, int compute_type, int scale_type) {
  BEGIN;
  *product = alive().add(new cublasLtMatmulDescOpaque{.compute = compute_type, .scale = scale_type});
  return 0;
}
int cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) { GIVE_BACK(product); }
int cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, int attribute, const void* value,
                                   size_t bytes) {
  BEGIN;
  if (!all_alive(product) || !value) return kCublasInvalidValue;
  switch (attribute) {
    case kLtTransA:
      return set(product->transposed[0], value, bytes);
    case kLtTransB:
      return set(product->transposed[1], value, bytes);
    case kLtEpilogue:
      return set(product->epilogue, value, bytes);
    case kLtBiasPointer:
      return set(product->bias, value, bytes);
    case kLtBiasType:
      return set(product->bias_type, value, bytes);
    case kLtAuxPointer:
      return set(product->aux, value, bytes);
    case kLtAuxLd:
      return set(product->aux_ld, value, bytes);
    default:
      return kCublasInvalidValue;
  }
}

int cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, int type, uint64_t rows, uint64_t columns,
                               int64_t ld) {
  BEGIN;
  *layout = alive().add(new cublasLtMatrixLayoutOpaque{type, int64_t(rows), int64_t(columns), ld});
  return 0;
}
int cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { GIVE_BACK(layout); }

int cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  BEGIN;
  *preference = alive().add(new cublasLtMatmulPreferenceOpaque);
  return 0;
}
int cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { GIVE_BACK(preference); }
int cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference, int attribute,
                                         const void* value, size_t bytes) {
  BEGIN;
  if (!all_alive(preference) || !value) return kCublasInvalidValue;
  if (attribute == kLtMaxWorkspace) return set(preference->workspace, value, bytes);
  if (attribute == kLtReductionMask) return set(preference->reduction, value, bytes);
  if (attribute >= kLtMinAlignmentA && attribute <= kLtMinAlignmentD)
    return set(preference->alignment[attribute - kLtMinAlignmentA], value, bytes);
  return kCublasInvalidValue;
}

/// An algorithm's number, what it needs, and how pointers must lie.
int cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                   cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                   cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                   cublasLtMatmulPreference_t preference, int wanted,
                                   CublasLtHeuristic* results, int* found) {
  BEGIN;
  if (!all_alive(handle, product, a, b, c, d, preference) || wanted < 1 || !results || !found)
    return kCublasInvalidValue;
  *found = 0;
  if (const int e = check({*product, *a, *b, *c, *d})) return e;
  const auto offer = [&](uint64_t number, uint64_t workspace, int status) {
    if (*found == wanted || workspace > preference->workspace) return;
    const auto& at = preference->alignment;
    results[(*found)++] = {
        .algorithm = {{kMark, number, workspace, at[0], at[1], at[2], at[3], kind_of(*product, *d)}},
        .workspace = workspace,
        .status = status,
        .waves = 1,
        .reserved = {}};
  };
  offer(1, 1 << 16, kCublasNotSupported);
  offer(2, 5000, 0);
  offer(3, 0, 0);
  return *found ? 0 : kCublasNotSupported;
}

int cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                   cublasLtMatrixLayout_t a_is, const void* b, cublasLtMatrixLayout_t b_is, const void* beta,
                   const void* c, cublasLtMatrixLayout_t c_is, void* d, cublasLtMatrixLayout_t d_is,
                   const CublasLtAlgorithm* algorithm, void* workspace, size_t workspace_bytes,
                   CUstream stream) {
  BEGIN;
  if (!all_alive(handle, product, a_is, b_is, c_is, d_is)) return kCublasInvalidValue;
  if (!in_context(__func__, handle->context, stream)) return kCublasExecutionFailed;
  if (!alpha || !beta || !a || !b || !c || !d || !algorithm || !stream) return kCublasInvalidValue;
  const Product p{*product, *a_is, *b_is, *c_is, *d_is};
  if (const int e = check(p)) return e;
  const auto& [mark, number, needed, at_a, at_b, at_c, at_d, kind] = algorithm->data;
  if (mark != kMark || kind != kind_of(*product, *d_is) || number == 1) return kCublasInvalidValue;
  if (!aligned(a, at_a) || !aligned(b, at_b) || !aligned(c, at_c) || !aligned(d, at_d))
    return kCublasInvalidValue;
  if (needed > workspace_bytes || (needed && (!workspace || !aligned(workspace, 256))))
    return kCublasInvalidValue;
  const auto& how = p.how;
  if ((how.epilogue & (kLtBias | kLtBgradA | kLtBgradB)) && (!how.bias || !aligned(how.bias, 4)))
    return kCublasInvalidValue;
  const auto there = [](const cublasLtMatrixLayoutOpaque& l, const void* pointer) {
    return on_device("cublasLtMatmul", pointer,
                     size_t((l.columns - 1) * l.ld + l.rows) * size_of(type_of(l.type)));
  };
  const size_t bits = how.epilogue & kAux ? size_t((p.n() - 1) * how.aux_ld + p.m()) / 8 : 0;
  if (bits && !aligned(how.aux, 16)) return kCublasInvalidValue;
  if (bits && !on_device("cublasLtMatmul", how.aux, bits)) return kCublasExecutionFailed;
  if (!there(p.a, a) || !there(p.b, b) || !there(p.d, d) ||
      (needed && !on_device("cublasLtMatmul", workspace, needed)))
    return kCublasExecutionFailed;
  const int failed = later(stream, [=, needed = needed, alpha = *static_cast<const float*>(alpha),
                                    beta = *static_cast<const float*>(beta)] {
    poison(workspace, needed);
    run(p, alpha, a, b, beta, c, d);
    poison(workspace, needed);
  });
  return failed ? kCublasExecutionFailed : 0;
}
}

// The doubles have only the functions that are used, with the same parameters.
#define SAME(result, name, parameters) \
  static_assert(std::is_same_v<decltype(&::name), decltype(CublasLt::name)>, #name);
ALEXNODE_CUBLASLT(SAME)
