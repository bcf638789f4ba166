// Local response normalisation. Across channels, NHWC with the paper's window of five has kernels that read
// each element once; other windows and layouts, and windows within a map, are summed plainly.
#include "cuda/kernels/lrn.h"

#include <cstdint>

#include "cuda/cudnn_ops.h"
#include "cuda/kernel.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

/// Both passes of one op. `DY` and `relu` are backward's.
struct Windows {
  int y, x, dy = -1;
  bool relu = false;
};

void point(auto& params, const Args& a, const Windows& pass) {
  params.y = a.at<void>(pass.y), params.x = a.at<const void>(pass.x);
  if (pass.dy >= 0) params.dy = a.at<const void>(pass.dy);
}

/// The kernel for channels that lie side by side; null if it does not fit.
KernelPtr lines(const LrnGroupedFields& f, const Windows& pass, Specs& specs, const ImageView& v,
                const Target& target) {
  const int64_t lanes = 16 / int64_t(size_of(specs[pass.x].dtype)), group = v.c / f.groups;
  if (f.size != 5 || v.block != v.c || group % lanes) return nullptr;
  LrnLinesParams params{};
  params.chunks = v.n * v.pixels * v.c / lanes, params.chunks_in_group = group / lanes;
  params.alpha = f.alpha, params.beta = f.beta, params.k = f.k, params.relu = pass.relu;
  const auto name = text(f.beta == .75f ? "lrn_paper" : "lrn_lines", pass.dy < 0 ? "" : "_backward");
  const auto function = target.function("lrn", name.c_str(), specs[pass.x].dtype);
  return make_launch(std::move(specs), "lines", [=](const Args& a, const Launch& launch) {
    auto p = params;
    point(p, a, pass);
    constexpr int kOwn = LrnLinesParams::kOwn;
    launch(function, blocks_for(launch.gpu, (p.chunks + kOwn - 1) / kOwn * 32, kThreads), {kThreads}, p);
  });
}

KernelPtr box(LrnBoxParams params, const LrnFields& f, const Windows& pass, Specs specs, const ImageView& v,
              const Target& target) {
  const auto dtype = specs[pass.x].dtype;
  params.v = image_of(v), params.count = bytes_of(specs[pass.x].shape, DType::u8, specs[pass.x].layout);
  params.alpha = f.alpha, params.beta = f.beta, params.k = f.k, params.relu = pass.relu;
  if (pass.dy < 0)
    return make_launch(
        std::move(specs), "windows",
        [=, function = target.function("lrn", "lrn_box", dtype)](const Args& a, const Launch& launch) {
          auto p = params;
          point(p, a, pass);
          launch(function, blocks_for(launch.gpu, p.count, kThreads), {kThreads}, p);
        });
  const auto ratios = target.function("lrn", "lrn_box_ratios", dtype),
             backward = target.function("lrn", "lrn_box_backward", dtype);
  return make_launch(
      std::move(specs), "windows",
      [=](const Args& a, const Launch& launch) {
        auto p = params;
        point(p, a, pass);
        p.ratios = static_cast<float*>(a.scratch);
        const auto blocks = blocks_for(launch.gpu, p.count, kThreads);
        launch(ratios, blocks, {kThreads}, p);
        launch(backward, blocks, {kThreads}, p);
      },
      size_t(params.count) * sizeof(float));
}

KernelPtr across(const LrnGroupedFields& f, const Windows& pass, Specs specs, const Target& target) {
  const auto v = ImageView::of(specs.op, specs.shape(pass.x), specs[pass.x].layout);
  if (auto kernel = lines(f, pass, specs, v, target)) return kernel;
  LrnBoxParams params{};
  params.group = v.c / f.groups;
  params.back[0] = f.size / 2, params.ahead[0] = f.size - 1 - f.size / 2;
  return box(params, f, pass, std::move(specs), v, target);
}

KernelPtr within(const LrnFields& f, const Windows& pass, Specs specs, const Target& target) {
  const auto v = ImageView::of(specs.op, specs.shape(pass.x), specs[pass.x].layout);
  LrnBoxParams params{};
  params.group = v.c;
  for (int axis : {1, 2}) params.back[axis] = f.size / 2, params.ahead[axis] = f.size - 1 - f.size / 2;
  return box(params, f, pass, std::move(specs), v, target);
}

}  // namespace

KernelPtr make(const Lrn& f, Specs specs, const Target& target) {
  settle_alike(specs, {Lrn::X, Lrn::Y});
  if (target.options.cudnn)
    if (auto kernel = make_by_cudnn(f, specs, target)) return kernel;
  return across(f, {Lrn::Y, Lrn::X}, std::move(specs), target);
}

KernelPtr make(const LrnBackward& f, Specs specs, const Target& target) {
  using Op = LrnBackward;
  settle_alike(specs, {Op::X, Op::DY, Op::DX});
  if (target.options.cudnn)
    if (auto kernel = make_by_cudnn(f, specs, target)) return kernel;
  return across(f, {Op::DX, Op::X, Op::DY, f.relu}, std::move(specs), target);
}

KernelPtr make(const LrnWithin& f, Specs specs, const Target& target) {
  using Op = LrnWithin;
  settle_alike(specs, {Op::X, Op::Y});
  return within(f, {Op::Y, Op::X}, std::move(specs), target);
}

KernelPtr make(const LrnWithinBackward& f, Specs specs, const Target& target) {
  using Op = LrnWithinBackward;
  settle_alike(specs, {Op::X, Op::DY, Op::DX});
  return within(f, {Op::DX, Op::X, Op::DY}, std::move(specs), target);
}

}  // namespace alexnode::cuda
