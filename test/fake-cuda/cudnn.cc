// A double of libcudnn.so.9. Like the real one, it calls abort() at a call when a part of it, or cublasLt, is
// not open. -DVERSION=91900 is its version, -DCUDA=13000 the CUDA that it was built for. Descriptors are
// checked as cuDNN does it, or more strictly: convolutions in NHWC alone, and 16-bit inputs give 16-bit
// gradients. Of the algorithms that it offers some cannot run, some give other bits each time, and all but
// one need a workspace.
#include "cuda/api/cudnn.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "vendor.h"

using namespace alexnode::cuda;

namespace alexnode::cuda {

struct cudnnContext {
  void* context = fake_context();
  CUstream stream = nullptr;
  bool bound = false;
};
struct cudnnTensorStruct {
  int format = -1, type = -1;
  std::array<int64_t, 4> d{};  // N, C, H, W
};
struct cudnnFilterStruct {
  int format = -1, type = -1;
  std::array<int64_t, 4> d{};  // K, C, H, W
};
struct cudnnConvolutionStruct {
  std::array<int64_t, 2> padding{}, stride{}, dilation{};
  int mode = -1, compute = -1, math = 0;
  int64_t groups = 1;
};
struct cudnnPoolingStruct {
  int mode = -1, nan = -1;
  std::array<int64_t, 2> window{}, padding{}, stride{};
};
struct cudnnLRNStruct {
  int64_t size = 0;
  double alpha = 0, beta = 0, k = 0;
};

}  // namespace alexnode::cuda

namespace {

constexpr int kNull = 2002, kMisaligned = 2003, kSmall = 2006, kType = 3003, kLayout = 3004;

constexpr const char* kNeeded[] = {"libcudnn_graph.so.9",
                                   "libcudnn_ops.so.9",
                                   "libcudnn_cnn.so.9",
                                   "libcudnn_adv.so.9",
                                   "libcudnn_engines_precompiled.so.9",
                                   "libcudnn_engines_runtime_compiled.so.9",
                                   "libcudnn_heuristic.so.9",
                                   CUDA / 1000 == 13 ? "libcublasLt.so.13" : "libcublasLt.so.12"};

void need_all() {
  static const bool all_there = [] {
    for (const char* name : kNeeded)
      if (!dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) std::abort();
    return true;
  }();
  (void)all_there;
}

/// How every function begins that gives a status.
#define BEGIN \
  need_all(); \
  if (const int e = fake_call(__func__)) return e
/// How every function is that gives back, which it does whatever else happens.
#define GIVE_BACK(object)                 \
  need_all();                             \
  const int failed = fake_call(__func__); \
  const int wrong = destroy(object);      \
  return failed ? failed : wrong

Alive& alive() {
  static auto* the_alive = new Alive("cudnn objects");
  return *the_alive;
}

template <class T>
int make(T** to) {
  if (!to) return kNull;
  *to = alive().add(new T);
  return 0;
}
template <class T>
int destroy(T* made) {
  return alive().remove(made) ? 0 : kCudnnBadParam;
}
template <class... T>
bool all_alive(const T*... made) {
  return (alive().has(made) && ...);
}

template <class... T>
bool ready(const char* call, cudnnHandle_t handle, const T*... made) {
  return all_alive(handle, made...) && in_context(call, handle->context);
}

bool float_type(int type) { return type == kCudnnFloat || type == kCudnnHalf || type == kCudnnBfloat16; }
Type type_of(int type) {
  return type == kCudnnFloat ? Type::f32 : type == kCudnnHalf ? Type::f16 : Type::bf16;
}

template <class T>
bool is_set(const T& t) {
  return t.format >= 0;
}

template <class T>
bool on_device(const char* call, const T& t, const void* pointer) {
  return ::on_device(call, pointer, size_t(t.d[0] * t.d[1] * t.d[2] * t.d[3]) * size_of(type_of(t.type)));
}

/// Puts work on the handle's stream.
template <class F>
int start(cudnnHandle_t handle, F f) {
  return later(handle->stream, std::move(f)) ? kCudnnDriverFailed : 0;
}

/// A tensor's numbers as floats, N, H, W, C; a filter's K, H, W, C.
template <class T>
std::vector<float> read(const T& t, const void* from) {
  const auto [n, c, h, w] = t.d;
  std::vector<float> out(size_t(n * c * h * w));
  const Type type = type_of(t.type);
  if (t.format == kCudnnNhwc) {
    for (size_t i = 0; i < out.size(); i++) out[i] = load(type, from, int64_t(i));
    return out;
  }
  for (int64_t i = 0, at = 0; i < n; i++)
    for (int64_t j = 0; j < c; j++)
      for (int64_t p = 0; p < h * w; p++) out[size_t((i * h * w + p) * c + j)] = load(type, from, at++);
  return out;
}

/// to = alpha · numbers + beta · to
template <class T>
void write(const T& t, void* to, const std::vector<float>& numbers, float alpha, float beta) {
  const auto [n, c, h, w] = t.d;
  const Type type = type_of(t.type);
  const auto put = [&](int64_t at, float value) {
    store(type, to, at, alpha * value + (beta != 0 ? beta * load(type, to, at) : 0));
  };
  if (t.format == kCudnnNhwc) {
    for (size_t i = 0; i < numbers.size(); i++) put(int64_t(i), numbers[i]);
    return;
  }
  for (int64_t i = 0, at = 0; i < n; i++)
    for (int64_t j = 0; j < c; j++)
      for (int64_t p = 0; p < h * w; p++) put(at++, numbers[size_t((i * h * w + p) * c + j)]);
}

float factor(const void* number) { return *static_cast<const float*>(number); }

// --- Convolution

struct Convolution {
  cudnnTensorStruct x, y;
  cudnnFilterStruct w;
  cudnnConvolutionStruct how;
};

/// What cuDNN says of these together.
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

/// What an algorithm needs and does. Its place in the list is what the heuristics say of its speed.
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

/// The last bits of what a nondeterministic algorithm gives change from run to run; sums of zeros stay.
void shake(std::vector<float>& numbers) {
  static std::atomic<uint32_t> runs{0};
  const uint32_t run = runs++;
  for (size_t i = 0; i < numbers.size(); i++)
    if (numbers[i] != 0)
      numbers[i] = std::bit_cast<float>(std::bit_cast<uint32_t>(numbers[i]) ^ (uint32_t(i) + run) % 2);
}

/// What the three passes have in common: `from` and `with` are read, `to` is written.
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
  if (!on_device("cudnn", from_is, from) || !on_device("cudnn", with_is, with) ||
      !on_device("cudnn", to_is, to) || (a.workspace && !::on_device("cudnn", workspace, a.workspace)))
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

// --- Pooling and LRN

int check(const cudnnPoolingStruct& p, const cudnnTensorStruct& x, const cudnnTensorStruct& y) {
  if (p.mode < 0 || !is_set(x) || !is_set(y)) return kCudnnBadParam;
  if (x.type != y.type || x.d[0] != y.d[0] || x.d[1] != y.d[1]) return kCudnnBadParam;
  for (size_t i : {0, 1}) {
    // Partial windows at the end are allowed for, as far as they begin inside.
    const auto room = x.d[2 + i] + 2 * p.padding[i] - p.window[i];
    const auto steps = y.d[2 + i];
    if (room < 0 || steps < 1 || steps > (room + p.stride[i] - 1) / p.stride[i] + 1) return kCudnnBadParam;
  }
  return float_type(x.type) ? 0 : kType;
}

/// Calls f(y's pixel, x's pixels in its window, how many places the window has).
template <class F>
void windows(const cudnnPoolingStruct& p, const cudnnTensorStruct& x, const cudnnTensorStruct& y, F f) {
  const auto h = x.d[2], w = x.d[3];
  std::vector<int64_t> inside;
  for (int64_t n = 0; n < y.d[0]; n++)
    for (int64_t oh = 0; oh < y.d[2]; oh++)
      for (int64_t ow = 0; ow < y.d[3]; ow++) {
        inside.clear();
        for (int64_t r = 0; r < p.window[0]; r++)
          for (int64_t s = 0; s < p.window[1]; s++) {
            const auto i = oh * p.stride[0] - p.padding[0] + r, j = ow * p.stride[1] - p.padding[1] + s;
            if (i >= 0 && j >= 0 && i < h && j < w) inside.push_back((n * h + i) * w + j);
          }
        f((n * y.d[2] + oh) * y.d[3] + ow, inside,
          p.mode == kCudnnPoolAverageExclude ? int64_t(inside.size()) : p.window[0] * p.window[1]);
      }
}

bool is_max(const cudnnPoolingStruct& p) { return p.mode == 0 || p.mode == kCudnnPoolMax; }

std::vector<float> pool(const cudnnPoolingStruct& p, const cudnnTensorStruct& x_is,
                        const cudnnTensorStruct& y_is, const std::vector<float>& x) {
  const auto c = x_is.d[1];
  std::vector<float> y(size_t(y_is.d[0] * c * y_is.d[2] * y_is.d[3]));
  windows(p, x_is, y_is, [&](int64_t to, const std::vector<int64_t>& inside, int64_t count) {
    for (int64_t k = 0; k < c; k++) {
      float value = is_max(p) ? -std::numeric_limits<float>::infinity() : 0;
      for (const auto i : inside) {
        const float number = x[size_t(i * c + k)];
        if (!is_max(p))
          value += number;
        else if (number > value || (number != number && p.nan == kCudnnPropagateNan))
          value = number;
      }
      y[size_t(to * c + k)] = is_max(p) ? value : value / float(count);
    }
  });
  return y;
}

std::vector<float> unpool(const cudnnPoolingStruct& p, const cudnnTensorStruct& x_is,
                          const cudnnTensorStruct& y_is, const std::vector<float>& y,
                          const std::vector<float>& dy, const std::vector<float>& x) {
  const auto c = x_is.d[1];
  std::vector<float> dx(x.size());
  windows(p, x_is, y_is, [&](int64_t from, const std::vector<int64_t>& inside, int64_t count) {
    for (int64_t k = 0; k < c; k++) {
      const float gradient = dy[size_t(from * c + k)];
      for (const auto i : inside) {
        if (!is_max(p)) {
          dx[size_t(i * c + k)] += gradient / float(count);
        } else if (x[size_t(i * c + k)] == y[size_t(from * c + k)]) {
          dx[size_t(i * c + k)] += gradient;
          break;
        }
      }
    }
  });
  return dx;
}

int check(const cudnnLRNStruct& l, const cudnnTensorStruct& x, const cudnnTensorStruct& y) {
  if (!l.size || !is_set(x) || !is_set(y) || x.d != y.d || x.type != y.type) return kCudnnBadParam;
  return x.type == kCudnnFloat || x.type == kCudnnHalf ? 0 : kType;
}

/// k + alpha / size · the sum of squares around a channel.
double lrn_scale(const cudnnLRNStruct& l, const float* x, int64_t c, int64_t channels) {
  double sum = 0;
  const auto first = c - l.size / 2;
  for (int64_t i = std::max<int64_t>(0, first); i < std::min(channels, first + l.size); i++)
    sum += double(x[i]) * x[i];
  return l.k + l.alpha / double(l.size) * sum;
}

std::vector<float> lrn(const cudnnLRNStruct& l, int64_t channels, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  for (size_t i = 0; i < x.size(); i++) {
    const auto c = int64_t(i) % channels;
    y[i] = float(x[i] * std::pow(lrn_scale(l, &x[i] - c, c, channels), -l.beta));
  }
  return y;
}

std::vector<float> lrn_backward(const cudnnLRNStruct& l, int64_t channels, const std::vector<float>& x,
                                const std::vector<float>& dy) {
  std::vector<float> dx(x.size());
  for (size_t i = 0; i < x.size(); i++) {
    const auto c = int64_t(i) % channels;
    const float *row = &x[i] - c, *gradient = &dy[i] - c;
    double sum = 0;
    // Channels whose window holds this one.
    for (int64_t j = std::max<int64_t>(0, c - (l.size - 1 - l.size / 2));
         j <= std::min(channels - 1, c + l.size / 2); j++)
      sum += gradient[j] * row[j] * std::pow(lrn_scale(l, row, j, channels), -l.beta - 1);
    dx[i] = float(gradient[c] * std::pow(lrn_scale(l, row, c, channels), -l.beta) -
                  2 * l.alpha / double(l.size) * l.beta * row[c] * sum);
  }
  return dx;
}

thread_local std::array<char, 256> last_words{};

}  // namespace

extern "C" {

size_t cudnnGetVersion() {
  need_all();
  return VERSION;
}
size_t cudnnGetCudartVersion() {
  need_all();
  return CUDA;
}
const char* cudnnGetErrorString(int status) {
  if (status == 0) return "CUDNN_STATUS_SUCCESS";
  if (status >= 2000 && status < 3000) return "CUDNN_STATUS_BAD_PARAM";
  if (status >= 3000 && status < 4000) return "CUDNN_STATUS_NOT_SUPPORTED";
  if (status >= 4000 && status < 5000) return "CUDNN_STATUS_INTERNAL_ERROR";
  return "CUDNN_STATUS_EXECUTION_FAILED";
}
void cudnnGetLastErrorString(char* message, size_t size) {
  if (message && size) std::snprintf(message, size, "%s", last_words.data());
}

int cudnnCreate(cudnnHandle_t* handle) {
  BEGIN;
  return make(handle);
}
int cudnnDestroy(cudnnHandle_t handle) {
  if (alive().has(handle)) in_context(__func__, handle->context);
  GIVE_BACK(handle);
}
int cudnnSetStream(cudnnHandle_t handle, CUstream stream) {
  BEGIN;
  if (!all_alive(handle) || !in_context(__func__, handle->context, stream)) return kCudnnBadParam;
  handle->stream = stream;
  handle->bound = true;
  return 0;
}

int cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* tensor) {
  BEGIN;
  return make(tensor);
}
int cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t tensor) { GIVE_BACK(tensor); }
int cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t tensor, int format, int type, int n, int c, int h,
                               int w) {
  BEGIN;
  if (!all_alive(tensor) || n < 1 || c < 1 || h < 1 || w < 1) return kCudnnBadParam;
  if (format != kCudnnNchw && format != kCudnnNhwc) return kCudnnNotSupported;
  if (int64_t(n) * c * h * w > std::numeric_limits<int>::max()) return kCudnnNotSupported;
  *tensor = {format, type, {n, c, h, w}};
  return 0;
}
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

int cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* pooling) {
  BEGIN;
  return make(pooling);
}
int cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t pooling) { GIVE_BACK(pooling); }
int cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t pooling, int mode, int nan, int window_h,
                                int window_w, int padding_h, int padding_w, int stride_h, int stride_w) {
  BEGIN;
  if (!all_alive(pooling) || mode < 0 || mode > kCudnnPoolMax || window_h < 1 || window_w < 1 ||
      padding_h < 0 || padding_w < 0 || padding_h >= window_h || padding_w >= window_w || stride_h < 1 ||
      stride_w < 1)
    return kCudnnBadParam;
  *pooling = {mode, nan, {window_h, window_w}, {padding_h, padding_w}, {stride_h, stride_w}};
  return 0;
}
int cudnnPoolingForward(cudnnHandle_t handle, cudnnPoolingDescriptor_t pooling, const void* alpha,
                        cudnnTensorDescriptor_t x_is, const void* x, const void* beta,
                        cudnnTensorDescriptor_t y_is, void* y) {
  BEGIN;
  if (!ready(__func__, handle, pooling, x_is, y_is) || !handle->bound) return kCudnnBadParam;
  if (!alpha || !beta || !x || !y) return kNull;
  if (const int e = check(*pooling, *x_is, *y_is)) return e;
  return start(handle, [p = *pooling, xt = *x_is, yt = *y_is, x, y, alpha = factor(alpha),
                        beta = factor(beta)] { write(yt, y, pool(p, xt, yt, read(xt, x)), alpha, beta); });
  return 0;
}
int cudnnPoolingBackward(cudnnHandle_t handle, cudnnPoolingDescriptor_t pooling, const void* alpha,
                         cudnnTensorDescriptor_t y_is, const void* y, cudnnTensorDescriptor_t dy_is,
                         const void* dy, cudnnTensorDescriptor_t x_is, const void* x, const void* beta,
                         cudnnTensorDescriptor_t dx_is, void* dx) {
  BEGIN;
  if (!ready(__func__, handle, pooling, x_is, y_is, dx_is, dy_is) || !handle->bound) return kCudnnBadParam;
  if (!alpha || !beta || !x || !y || !dx || !dy) return kNull;
  if (const int e = check(*pooling, *x_is, *y_is)) return e;
  if (x_is->d != dx_is->d || y_is->d != dy_is->d) return kCudnnBadParam;
  return start(handle, [p = *pooling, xt = *x_is, yt = *y_is, dxt = *dx_is, dyt = *dy_is, x, y, dx, dy,
                        alpha = factor(alpha), beta = factor(beta)] {
    write(dxt, dx, unpool(p, xt, yt, read(yt, y), read(dyt, dy), read(xt, x)), alpha, beta);
  });
}

int cudnnCreateLRNDescriptor(cudnnLRNDescriptor_t* lrn) {
  BEGIN;
  return make(lrn);
}
int cudnnDestroyLRNDescriptor(cudnnLRNDescriptor_t lrn) { GIVE_BACK(lrn); }
int cudnnSetLRNDescriptor(cudnnLRNDescriptor_t lrn, unsigned size, double alpha, double beta, double k) {
  BEGIN;
  if (!all_alive(lrn) || size < 1 || size > 16 || k < 1e-5 || beta < 0.01) return kCudnnBadParam;
  *lrn = {int64_t(size), alpha, beta, k};
  return 0;
}
int cudnnLRNCrossChannelForward(cudnnHandle_t handle, cudnnLRNDescriptor_t how, int mode, const void* alpha,
                                cudnnTensorDescriptor_t x_is, const void* x, const void* beta,
                                cudnnTensorDescriptor_t y_is, void* y) {
  BEGIN;
  if (!ready(__func__, handle, how, x_is, y_is) || !handle->bound || mode != 0) return kCudnnBadParam;
  if (!alpha || !beta || !x || !y) return kNull;
  if (const int e = check(*how, *x_is, *y_is)) return e;
  return start(handle, [l = *how, xt = *x_is, yt = *y_is, x, y, alpha = factor(alpha), beta = factor(beta)] {
    write(yt, y, lrn(l, xt.d[1], read(xt, x)), alpha, beta);
  });
}
int cudnnLRNCrossChannelBackward(cudnnHandle_t handle, cudnnLRNDescriptor_t how, int mode, const void* alpha,
                                 cudnnTensorDescriptor_t y_is, const void* y, cudnnTensorDescriptor_t dy_is,
                                 const void* dy, cudnnTensorDescriptor_t x_is, const void* x,
                                 const void* beta, cudnnTensorDescriptor_t dx_is, void* dx) {
  BEGIN;
  if (!ready(__func__, handle, how, x_is, y_is, dx_is, dy_is) || !handle->bound || mode != 0)
    return kCudnnBadParam;
  if (!alpha || !beta || !x || !y || !dx || !dy) return kNull;
  if (const int e = check(*how, *x_is, *y_is)) return e;
  if (x_is->d != dx_is->d || y_is->d != dy_is->d) return kCudnnBadParam;
  return start(handle, [l = *how, xt = *x_is, dxt = *dx_is, dyt = *dy_is, x, dx, dy, alpha = factor(alpha),
                        beta = factor(beta)] {
    write(dxt, dx, lrn_backward(l, xt.d[1], read(xt, x), read(dyt, dy)), alpha, beta);
  });
}
}

// The doubles have just the functions that are used, and with the same parameters.
#define SAME(result, name, parameters) \
  static_assert(std::is_same_v<decltype(&::name), decltype(Cudnn::name)>, #name);
ALEXNODE_CUDNN(SAME)
