// LRN across channels in cuDNN's double.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cudnn.h"

namespace alexnode::cuda {

struct cudnnLRNStruct {
  int64_t size = 0;
  double alpha = 0, beta = 0, k = 0;
};

}  // namespace alexnode::cuda

namespace {

using namespace fake_cudnn;

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
      // As in our kernels, the power does not count where x is 0. cuDNN's own way with NaN is not known.
      sum += gradient[j] * row[j] * (row[j] == 0 ? 1 : std::pow(lrn_scale(l, row, j, channels), -l.beta - 1));
    dx[i] = float(gradient[c] * std::pow(lrn_scale(l, row, c, channels), -l.beta) -
                  2 * l.alpha / double(l.size) * l.beta * row[c] * sum);
  }
  return dx;
}

}  // namespace

extern "C" {

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
