// Convolution in cuDNN's double: filters, algorithms with their faults, and the three passes.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "cudnn.h"

namespace alexnode::cuda {

struct cudnnFilterStruct {
  int format = -1, type = -1;
  std::array<int64_t, 4> d{};  // K, C, H, W
};
struct cudnnConvolutionStruct {
  std::array<int64_t, 2> padding{}, stride{}, dilation{};
  int mode = -1, compute = -1, math = 0;
  int64_t groups = 1;
};

}  // namespace alexnode::cuda

namespace {

using namespace fake_cudnn;

struct Convolution {
  cudnnTensorStruct x, y;
  cudnnFilterStruct w;
  cudnnConvolutionStruct how;
};

/// Checks, like cuDNN, that these fit together.
int check(const Convolution& c) {
  const auto& [x, y, w, how] = c;
  if (!is_set(x) || !is_set(y) || !is_set(w) || how.mode < 0) return kCudnnBadParam;
  if (x.type != y.type || x.type != w.type) return kCudnnBadParam;
  if (w.d[0] % how.groups || x.d[1] % how.groups || w.d[1] * how.groups != x.d[1] || x.d[0] != y.d[0] ||
      y.d[1] != w.d[0])
    return kCudnnBadParam;
  for (int i : {0, 1}) {
    const auto room = x.d[size_t(2 + i)] + 2 * how.padding[size_t(i)] -
                      (how.dilation[size_t(i)] * (w.d[size_t(2 + i)] - 1) + 1);
    if (room < 0 || y.d[size_t(2 + i)] != room / how.stride[size_t(i)] + 1) return kCudnnBadParam;
  }
  if (!float_type(x.type)) return kType;
  if (how.compute != kCudnnFloat) return kType;
  if (how.mode != kCudnnCrossCorrelation) return kCudnnNotSupported;
  if (x.format != kCudnnNhwc || y.format != kCudnnNhwc || w.format != kCudnnNhwc) return kLayout;
  return 0;
}

enum class Pass { forward, data, filter };

/// Properties of an algorithm. The heuristics list them by speed.
struct Algorithm {
  int number;
  size_t workspace;
  bool deterministic = true;
  int listed = 0;     // its status in the list
  int refused = 0;    // what asking for its workspace, or starting it, gives
  bool late = false;  // only starting it does
};

std::vector<Algorithm> algorithms(Pass pass, const Convolution& c) {
  const size_t bytes = size_t(c.x.d[0] * c.x.d[1] * c.x.d[2] * c.x.d[3]) * 4;
  const bool grouped = c.how.groups > 1;
  switch (pass) {
    case Pass::forward:
      return {{.number = 6, .workspace = 1 << 10, .refused = kCudnnNotSupported},
              {.number = 5, .workspace = 1 << 12, .refused = kCudnnNotSupported, .late = true},
              {.number = 7, .workspace = size_t(3) << 30},
              {.number = 1, .workspace = grouped ? 4096 + bytes : 1000},
              {.number = 0, .workspace = 0},
              {.number = 3, .workspace = 0, .listed = kCudnnNotSupported, .refused = kCudnnNotSupported}};
    case Pass::data:
      return {{.number = 0, .workspace = 512, .deterministic = false},
              {.number = 4, .workspace = 512, .refused = kCudnnNotSupported, .late = true},
              {.number = 1, .workspace = 2048 + bytes / 2},
              {.number = 5, .workspace = 0, .listed = kCudnnNotSupported, .refused = kCudnnNotSupported}};
    case Pass::filter:
      return {{.number = 3, .workspace = 256, .deterministic = false},
              {.number = 0, .workspace = 0, .deterministic = false},
              {.number = 1, .workspace = 777},
              {.number = 2, .workspace = 0, .listed = kCudnnNotSupported, .refused = kCudnnNotSupported}};
  }
  return {};
}

int list(Pass pass, const Convolution& c, int wanted, int* found, CudnnAlgorithm* to) {
  if (!found || !to) return kNull;
  if (wanted < 1) return kCudnnBadParam;
  if (const int e = check(c)) return e;
  *found = 0;
  float milliseconds = 1;
  for (const auto& a : algorithms(pass, c)) {
    if (*found == wanted) break;
    to[(*found)++] = {.algorithm = a.number,
                      .status = a.listed,
                      .milliseconds = a.listed ? -1 : milliseconds++,
                      .workspace = a.workspace,
                      .determinism = a.deterministic,
                      .math = c.how.math,
                      .reserved = {}};
  }
  return 0;
}

int find(Pass pass, const Convolution& c, int number, Algorithm& out) {
  if (const int e = check(c)) return e;
  for (const auto& a : algorithms(pass, c))
    if (a.number == number) {
      out = a;
      return 0;
    }
  return kCudnnNotSupported;
}

int workspace_of(Pass pass, const Convolution& c, int number, size_t* bytes) {
  if (!bytes) return kNull;
  Algorithm a{};
  if (const int e = find(pass, c, number, a)) return e;
  if (a.refused && !a.late) return a.refused;
  *bytes = a.workspace;
  return 0;
}

/// Places of x that output (oh, ow) reads with the filter's (r, s); false outside.
bool place(const Convolution& c, int64_t oh, int64_t ow, int64_t r, int64_t s, int64_t& at) {
  const auto h = oh * c.how.stride[0] - c.how.padding[0] + r * c.how.dilation[0];
  const auto w = ow * c.how.stride[1] - c.how.padding[1] + s * c.how.dilation[1];
  if (h < 0 || w < 0 || h >= c.x.d[2] || w >= c.x.d[3]) return false;
  at = h * c.x.d[3] + w;
  return true;
}

/// Calls f(x's element, filter place, y's element), of which x and y are the first channels of a pixel.
template <class F>
void walk(const Convolution& c, F f) {
  const auto [n, channels, height, width] = c.x.d;
  const auto [k, inner, kh, kw] = c.w.d;
  for (int64_t i = 0; i < n; i++)
    for (int64_t oh = 0; oh < c.y.d[2]; oh++)
      for (int64_t ow = 0; ow < c.y.d[3]; ow++)
        for (int64_t r = 0; r < kh; r++)
          for (int64_t s = 0; s < kw; s++)
            if (int64_t at = 0; place(c, oh, ow, r, s, at))
              f((i * height * width + at) * channels, r * kw + s, ((i * c.y.d[2] + oh) * c.y.d[3] + ow) * k);
}

std::vector<float> forward(const Convolution& c, const std::vector<float>& x, const std::vector<float>& w) {
  const auto [k, inner, kh, kw] = c.w.d;
  const int64_t groups = c.how.groups, per = k / groups, places = kh * kw;
  // Output channels side by side.
  std::vector<float> turned(w.size());
  for (int64_t o = 0; o < k; o++)
    for (int64_t p = 0; p < places; p++)
      for (int64_t i = 0; i < inner; i++)
        turned[size_t(((o / per * places + p) * inner + i) * per + o % per)] =
            w[size_t((o * places + p) * inner + i)];
  std::vector<float> y(size_t(c.y.d[0] * c.y.d[1] * c.y.d[2] * c.y.d[3]));
  walk(c, [&](int64_t from, int64_t place, int64_t to) {
    for (int64_t g = 0; g < groups; g++)
      for (int64_t i = 0; i < inner; i++) {
        const float number = x[size_t(from + g * inner + i)];
        const float* weights = &turned[size_t(((g * places + place) * inner + i) * per)];
        float* sums = &y[size_t(to + g * per)];
        for (int64_t o = 0; o < per; o++) sums[o] += number * weights[o];
      }
  });
  return y;
}

std::vector<float> backward_data(const Convolution& c, const std::vector<float>& dy,
                                 const std::vector<float>& w) {
  const auto [k, inner, kh, kw] = c.w.d;
  const int64_t per = k / c.how.groups, places = kh * kw;
  std::vector<float> dx(size_t(c.x.d[0] * c.x.d[1] * c.x.d[2] * c.x.d[3]));
  walk(c, [&](int64_t to, int64_t place, int64_t from) {
    for (int64_t o = 0; o < k; o++) {
      const float number = dy[size_t(from + o)];
      const float* weights = &w[size_t((o * places + place) * inner)];
      float* sums = &dx[size_t(to + o / per * inner)];
      for (int64_t i = 0; i < inner; i++) sums[i] += number * weights[i];
    }
  });
  return dx;
}

std::vector<float> backward_filter(const Convolution& c, const std::vector<float>& x,
                                   const std::vector<float>& dy) {
  const auto [k, inner, kh, kw] = c.w.d;
  const int64_t per = k / c.how.groups, places = kh * kw;
  // These sums run over all images and pixels.
  std::vector<double> sums(size_t(k * places * inner));
  walk(c, [&](int64_t from, int64_t place, int64_t at) {
    for (int64_t o = 0; o < k; o++) {
      const double number = dy[size_t(at + o)];
      const float* numbers = &x[size_t(from + o / per * inner)];
      double* to = &sums[size_t((o * places + place) * inner)];
      for (int64_t i = 0; i < inner; i++) to[i] += number * numbers[i];
    }
  });
  return {sums.begin(), sums.end()};
}

/// Changes the last bits from run to run, as a nondeterministic algorithm does; zeros stay.
void shake(std::vector<float>& numbers) {
  static std::atomic<uint32_t> runs{0};
  const uint32_t run = runs++;
  for (size_t i = 0; i < numbers.size(); i++)
    if (numbers[i] != 0)
      numbers[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(numbers[i]) ^ (uint32_t(i) + run) % 2);
}

/// The common part of the three passes: `from` and `with` are read, `to` is written.
template <class From, class With, class To, class F>
int convolve(cudnnHandle_t handle, Pass pass, const Convolution& c, int number, void* workspace, size_t bytes,
             const void* alpha, const void* beta, const From& from_is, const void* from, const With& with_is,
             const void* with, const To& to_is, void* to, F f) {
  if (!alpha || !beta || !from || !with || !to) return kNull;
  if (!handle->bound) return kCudnnBadParam;
  for (const void* pointer : {from, with, const_cast<const void*>(to)})
    if (!aligned(pointer, 16)) return kMisaligned;
  Algorithm a{};
  if (const int e = find(pass, c, number, a)) return e;
  if (a.refused) return a.refused;
  if (a.workspace > bytes) return kSmall;
  if (a.workspace && !workspace) return kNull;
  if (a.workspace && !aligned(workspace, 256)) return kMisaligned;
  if (!tensor_on_device("cudnn", from_is, from) || !tensor_on_device("cudnn", with_is, with) ||
      !tensor_on_device("cudnn", to_is, to) || (a.workspace && !::on_device("cudnn", workspace, a.workspace)))
    return kCudnnDriverFailed;
  return start(handle, [=, alpha = factor(alpha), beta = factor(beta)] {
    poison(workspace, a.workspace);
    auto one = read(from_is, from), other = read(with_is, with);
    if (from_is.type == kCudnnFloat && c.how.math != kCudnnFmaMath) round_to_tf32(one), round_to_tf32(other);
    auto result = f(c, one, other);
    if (!a.deterministic) shake(result);
    write(to_is, to, result, alpha, beta);
    poison(workspace, a.workspace);
  });
}

}  // namespace

extern "C" {

int cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* filter) {
  BEGIN;
  return make(filter);
}
int cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t filter) { GIVE_BACK(filter); }
int cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t filter, int type, int format, int k, int c, int h,
                               int w) {
  BEGIN;
  if (!all_alive(filter) || k < 1 || c < 1 || h < 1 || w < 1) return kCudnnBadParam;
  if (format != kCudnnNchw && format != kCudnnNhwc) return kCudnnNotSupported;
  *filter = {format, type, {k, c, h, w}};
  return 0;
}
int cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* convolution) {
  BEGIN;
  return make(convolution);
}
int cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t convolution) { GIVE_BACK(convolution); }
int cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t convolution, int padding_h, int padding_w,
                                    int stride_h, int stride_w, int dilation_h, int dilation_w, int mode,
                                    int compute_type) {
  BEGIN;
  if (!all_alive(convolution) || padding_h < 0 || padding_w < 0 || stride_h < 1 || stride_w < 1 ||
      dilation_h < 1 || dilation_w < 1 || (mode != 0 && mode != 1))
    return kCudnnBadParam;
  convolution->padding = {padding_h, padding_w};
  convolution->stride = {stride_h, stride_w};
  convolution->dilation = {dilation_h, dilation_w};
  convolution->mode = mode;
  convolution->compute = compute_type;
  return 0;
}
int cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t convolution, int groups) {
  BEGIN;
  if (!all_alive(convolution) || groups < 1) return kCudnnBadParam;
  convolution->groups = groups;
  return 0;
}
int cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t convolution, int math) {
  BEGIN;
  if (!all_alive(convolution) || math < 0 || math > kCudnnFmaMath) return kCudnnBadParam;
  convolution->math = math;
  return 0;
}

int cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                           cudnnFilterDescriptor_t w,
                                           cudnnConvolutionDescriptor_t convolution,
                                           cudnnTensorDescriptor_t y, int wanted, int* found,
                                           CudnnAlgorithm* algorithms) {
  BEGIN;
  if (!ready(__func__, handle, x, w, convolution, y)) return kCudnnBadParam;
  return list(Pass::forward, {*x, *y, *w, *convolution}, wanted, found, algorithms);
}
int cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                            cudnnFilterDescriptor_t w,
                                            cudnnConvolutionDescriptor_t convolution,
                                            cudnnTensorDescriptor_t y, int algorithm, size_t* bytes) {
  BEGIN;
  if (!ready(__func__, handle, x, w, convolution, y)) return kCudnnBadParam;
  return workspace_of(Pass::forward, {*x, *y, *w, *convolution}, algorithm, bytes);
}
int cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_is,
                            const void* x, cudnnFilterDescriptor_t w_is, const void* w,
                            cudnnConvolutionDescriptor_t convolution, int algorithm, void* workspace,
                            size_t workspace_bytes, const void* beta, cudnnTensorDescriptor_t y_is, void* y) {
  BEGIN;
  if (!ready(__func__, handle, x_is, w_is, convolution, y_is)) return kCudnnBadParam;
  return convolve(handle, Pass::forward, {*x_is, *y_is, *w_is, *convolution}, algorithm, workspace,
                  workspace_bytes, alpha, beta, *x_is, x, *w_is, w, *y_is, y, forward);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                cudnnTensorDescriptor_t dy,
                                                cudnnConvolutionDescriptor_t convolution,
                                                cudnnTensorDescriptor_t dx, int wanted, int* found,
                                                CudnnAlgorithm* algorithms) {
  BEGIN;
  if (!ready(__func__, handle, dx, w, convolution, dy)) return kCudnnBadParam;
  return list(Pass::data, {*dx, *dy, *w, *convolution}, wanted, found, algorithms);
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                 cudnnTensorDescriptor_t dy,
                                                 cudnnConvolutionDescriptor_t convolution,
                                                 cudnnTensorDescriptor_t dx, int algorithm, size_t* bytes) {
  BEGIN;
  if (!ready(__func__, handle, dx, w, convolution, dy)) return kCudnnBadParam;
  return workspace_of(Pass::data, {*dx, *dy, *w, *convolution}, algorithm, bytes);
}
int cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, cudnnFilterDescriptor_t w_is,
                                 const void* w, cudnnTensorDescriptor_t dy_is, const void* dy,
                                 cudnnConvolutionDescriptor_t convolution, int algorithm, void* workspace,
                                 size_t workspace_bytes, const void* beta, cudnnTensorDescriptor_t dx_is,
                                 void* dx) {
  BEGIN;
  if (!ready(__func__, handle, dx_is, w_is, convolution, dy_is)) return kCudnnBadParam;
  return convolve(handle, Pass::data, {*dx_is, *dy_is, *w_is, *convolution}, algorithm, workspace,
                  workspace_bytes, alpha, beta, *dy_is, dy, *w_is, w, *dx_is, dx, backward_data);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                  cudnnTensorDescriptor_t dy,
                                                  cudnnConvolutionDescriptor_t convolution,
                                                  cudnnFilterDescriptor_t dw, int wanted, int* found,
                                                  CudnnAlgorithm* algorithms) {
  BEGIN;
  if (!ready(__func__, handle, x, dw, convolution, dy)) return kCudnnBadParam;
  return list(Pass::filter, {*x, *dy, *dw, *convolution}, wanted, found, algorithms);
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                   cudnnTensorDescriptor_t dy,
                                                   cudnnConvolutionDescriptor_t convolution,
                                                   cudnnFilterDescriptor_t dw, int algorithm, size_t* bytes) {
  BEGIN;
  if (!ready(__func__, handle, x, dw, convolution, dy)) return kCudnnBadParam;
  return workspace_of(Pass::filter, {*x, *dy, *dw, *convolution}, algorithm, bytes);
}
int cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_is,
                                   const void* x, cudnnTensorDescriptor_t dy_is, const void* dy,
                                   cudnnConvolutionDescriptor_t convolution, int algorithm, void* workspace,
                                   size_t workspace_bytes, const void* beta, cudnnFilterDescriptor_t dw_is,
                                   void* dw) {
  BEGIN;
  if (!ready(__func__, handle, x_is, dw_is, convolution, dy_is)) return kCudnnBadParam;
  return convolve(handle, Pass::filter, {*x_is, *dy_is, *dw_is, *convolution}, algorithm, workspace,
                  workspace_bytes, alpha, beta, *x_is, x, *dy_is, dy, *dw_is, dw, backward_filter);
}
}
