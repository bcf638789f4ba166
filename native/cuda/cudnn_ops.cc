#include "cuda/cudnn_ops.h"

#include <cstdint>

#include "cuda/descriptors.h"

namespace alexnode::cuda {

namespace {

constexpr float kOne = 1, kNought = 0;

/// Whether the slots have one layout that cuDNN supports; open layouts become NHWC.
bool suits(Specs& specs, std::initializer_list<int> images) {
  std::string layout = "any";
  for (int i : images)
    if (layout == "any") layout = specs[i].layout;
  if (layout == "any") layout = "acdb";
  if (layout != "abcd" && layout != "acdb") return false;
  for (int i : images) {
    if (specs[i].layout == "any") specs[i].layout = layout;
    if (specs[i].layout != layout) return false;
  }
  return true;
}

/// cuDNN pads alike on both sides, and keeps no last window that is only partly inside.
bool plain_window(const PoolFields& f, const Shape& x, const Shape& y) {
  for (int i : {0, 1}) {
    if (f.padding[2 * i] != f.padding[2 * i + 1]) return false;
    const int64_t room = x[2 + i] + 2 * f.padding[2 * i] - f.kernel[i];
    if (room < 0 || y[2 + i] != room / f.stride[i] + 1) return false;
  }
  return true;
}

auto make_pooling(const Libraries& libraries, const PoolFields& f, int mode) {
  const auto& c = libraries.cudnn;
  auto pooling = make_descriptor(libraries, c.cudnnCreatePoolingDescriptor, c.cudnnDestroyPoolingDescriptor,
                                 "cudnnCreatePoolingDescriptor");
  check_cudnn(libraries,
              c.cudnnSetPooling2dDescriptor(pooling.get(), mode, kCudnnPropagateNan, int(f.kernel[0]),
                                            int(f.kernel[1]), int(f.padding[0]), int(f.padding[2]),
                                            int(f.stride[0]), int(f.stride[1])),
              "cudnnSetPooling2dDescriptor");
  return pooling;
}

int average(const AvgPoolFields& f) {
  return f.include_padding ? kCudnnPoolAverageInclude : kCudnnPoolAverageExclude;
}

KernelPtr pool(const PoolFields& f, int mode, Specs specs, int y, int x, const Target& target) {
  if (!suits(specs, {y, x}) || !plain_window(f, specs.shape(x), specs.shape(y))) return nullptr;
  const auto from = make_tensor(target.libraries, specs[x]), to = make_tensor(target.libraries, specs[y]);
  const auto pooling = make_pooling(target.libraries, f, mode);
  return make_vendor_launch(std::move(specs), "cudnn", [=](const Args& a, const Launch& launch) {
    check_cudnn(launch.libraries,
                launch.libraries.cudnn.cudnnPoolingForward(launch.cudnn, pooling.get(), &kOne, from.get(),
                                                           a.at<void>(x), &kNought, to.get(), a.at<void>(y)),
                "cudnnPoolingForward");
  });
}

/// cuDNN divides alpha by the window's size, has no groups, and looks less far back than we do where the size
/// is even.
bool plain_lrn(const LrnGroupedFields& f, const Spec& x) {
  return f.groups == 1 && f.size % 2 == 1 && f.size <= 16 && f.beta >= .01f && f.k >= 1e-5f &&
         x.dtype != DType::bf16;
}

auto make_lrn(const Libraries& libraries, const LrnFields& f) {
  const auto& c = libraries.cudnn;
  auto lrn = make_descriptor(libraries, c.cudnnCreateLRNDescriptor, c.cudnnDestroyLRNDescriptor,
                             "cudnnCreateLRNDescriptor");
  check_cudnn(libraries,
              c.cudnnSetLRNDescriptor(lrn.get(), unsigned(f.size), double(f.alpha) * double(f.size),
                                      double(f.beta), double(f.k)),
              "cudnnSetLRNDescriptor");
  return lrn;
}

}  // namespace

KernelPtr make_by_cudnn(const MaxPool& f, const Specs& specs, const Target& target) {
  if (specs.has(MaxPool::Index)) return nullptr;
  return pool(f, kCudnnPoolMax, specs, MaxPool::Y, MaxPool::X, target);
}

KernelPtr make_by_cudnn(const AvgPool& f, const Specs& specs, const Target& target) {
  return pool(f, average(f), specs, AvgPool::Y, AvgPool::X, target);
}

KernelPtr make_by_cudnn(const AvgPoolBackward& f, const Specs& given, const Target& target) {
  using Op = AvgPoolBackward;
  Specs specs = given;
  if (!suits(specs, {Op::DX, Op::DY}) || !plain_window(f, specs.shape(Op::DX), specs.shape(Op::DY)))
    return nullptr;
  const auto x = make_tensor(target.libraries, specs[Op::DX]),
             y = make_tensor(target.libraries, specs[Op::DY]);
  const auto pooling = make_pooling(target.libraries, f, average(f));
  return make_vendor_launch(std::move(specs), "cudnn", [=](const Args& a, const Launch& launch) {
    // An average's gradient does not depend on x and y: any tensors of their shapes will do.
    check_cudnn(launch.libraries,
                launch.libraries.cudnn.cudnnPoolingBackward(
                    launch.cudnn, pooling.get(), &kOne, y.get(), a.at<void>(Op::DY), y.get(),
                    a.at<void>(Op::DY), x.get(), a.at<void>(Op::DX), &kNought, x.get(), a.at<void>(Op::DX)),
                "cudnnPoolingBackward");
  });
}

KernelPtr make_by_cudnn(const Lrn& f, const Specs& given, const Target& target) {
  using Op = Lrn;
  Specs specs = given;
  if (!suits(specs, {Op::Y, Op::X}) || !plain_lrn(f, specs[Op::X])) return nullptr;
  const auto image = make_tensor(target.libraries, specs[Op::X]);
  const auto lrn = make_lrn(target.libraries, f);
  return make_vendor_launch(std::move(specs), "cudnn", [=](const Args& a, const Launch& launch) {
    check_cudnn(launch.libraries,
                launch.libraries.cudnn.cudnnLRNCrossChannelForward(
                    launch.cudnn, lrn.get(), kCudnnLrnAcrossChannels, &kOne, image.get(), a.at<void>(Op::X),
                    &kNought, image.get(), a.at<void>(Op::Y)),
                "cudnnLRNCrossChannelForward");
  });
}

KernelPtr make_by_cudnn(const LrnBackward& f, const Specs& given, const Target& target) {
  using Op = LrnBackward;
  Specs specs = given;
  if (f.relu || !suits(specs, {Op::DX, Op::X, Op::DY}) || !plain_lrn(f, specs[Op::X])) return nullptr;
  const auto image = make_tensor(target.libraries, specs[Op::X]);
  const auto lrn = make_lrn(target.libraries, f);
  // It needs y, which our op does not keep.
  const size_t y_bytes = specs[Op::X].bytes();
  const auto run = [=](const Args& a, const Launch& launch) {
    const auto& c = launch.libraries.cudnn;
    check_cudnn(
        launch.libraries,
        c.cudnnLRNCrossChannelForward(launch.cudnn, lrn.get(), kCudnnLrnAcrossChannels, &kOne, image.get(),
                                      a.at<void>(Op::X), &kNought, image.get(), a.scratch),
        "cudnnLRNCrossChannelForward");
    check_cudnn(
        launch.libraries,
        c.cudnnLRNCrossChannelBackward(launch.cudnn, lrn.get(), kCudnnLrnAcrossChannels, &kOne, image.get(),
                                       a.scratch, image.get(), a.at<void>(Op::DY), image.get(),
                                       a.at<void>(Op::X), &kNought, image.get(), a.at<void>(Op::DX)),
        "cudnnLRNCrossChannelBackward");
  };
  return make_vendor_launch(std::move(specs), "cudnn", run, y_bytes);
}

}  // namespace alexnode::cuda
