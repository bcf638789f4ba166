// Max and average pooling in cuDNN's double.
#include <algorithm>
#include <cstdint>

#include "cudnn.h"

namespace alexnode::cuda {

struct cudnnPoolingStruct {
  int mode = -1, nan = -1;
  std::array<int64_t, 2> window{}, padding{}, stride{};
};

}  // namespace alexnode::cuda

namespace {

using namespace fake_cudnn;

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

}  // namespace

extern "C" {

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
}
