// Batch normalisation: kernels/batch_norm.cu.
#include "cuda/kernels/batch_norm.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "cuda/kernel.h"
#include "cuda/kernels/batch_norm_shared.h"
#include "cuda/settle.h"

namespace alexnode::cuda {

namespace {

constexpr int kWarpsOfBlock = kThreads / 32;

int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// How a tensor is cut into blocks. About a thousand of them keep any GPU busy, but a thread of a block has
/// at least 8 rows, and at most 128, because its sums are in f32.
struct Plan {
  BatchNormTiles tiles{};
  int64_t channels, count;
  bool planes;
  Extent grid;

  Plan(const Specs& specs, int x) {
    const auto v = ImageView::of(specs.op, specs.shape(x), specs[x].layout);
    tiles.image = image_of(v);
    channels = v.c, count = v.n * v.pixels;
    planes = v.block == 1;
    int64_t columns, rows_at_once;
    if (planes) {
      tiles.row_pieces = up(v.pixels, kPlaneRow);
      tiles.rows = v.n * tiles.row_pieces;
      columns = v.c, rows_at_once = kWarpsOfBlock;
    } else {
      auto& image = tiles.image;
      if (v.image_stride == v.pixels * v.pixel_stride)
        image.n = 1, image.pixels = count, image.image_stride = count * v.pixel_stride;
      const int64_t lanes = 16 / int64_t(size_of(specs[x].dtype));
      tiles.across = 1;
      while (tiles.across < kAcross && tiles.across * lanes < v.block) tiles.across *= 2;
      tiles.tiles = i32(up(v.block, tiles.across * lanes));
      tiles.rows = count;
      columns = v.blocks() * tiles.tiles, rows_at_once = kThreads / tiles.across;
    }
    int64_t each = std::clamp<int64_t>(tiles.rows * columns / (rows_at_once * 1024), planes ? 1 : 8, 128);
    each = std::max(each, up(tiles.rows, rows_at_once * 32768));  // a grid's y ends at 65535
    tiles.segment_rows = rows_at_once * each;
    tiles.segments = i32(up(tiles.rows, tiles.segment_rows));
    grid = {unsigned(columns), unsigned(tiles.segments)};
  }

  /// "batch_norm_lanes_bf16"
  CUfunction kernel(const Target& target, const char* name, const char* what, DType dtype) const {
    return target.function("batch_norm", text(name, planes ? "_planes" : "_lanes", what).c_str(), dtype);
  }
  size_t scratch() const { return size_t(channels) * 2 * tiles.segments * sizeof(double); }
  /// Of kernels that use one warp per channel.
  Extent warps() const { return {unsigned(up(channels, kWarpsOfBlock))}; }
};

float least(bool relu) { return relu ? 0.f : -std::numeric_limits<float>::infinity(); }

}  // namespace

KernelPtr make(const BatchNorm& f, Specs specs, const Target& target) {
  using Op = BatchNorm;
  settle_images(specs, Op::X);
  specs.same_layout({Op::Y, Op::X});
  const Plan plan(specs, Op::X);
  const auto dtype = specs[Op::X].dtype;
  const auto sums = plan.kernel(target, "batch_norm", "_sums", dtype);
  const auto stats = target.function("batch_norm", "batch_norm_stats", dtype);
  const auto apply = plan.kernel(target, "batch_norm", "", dtype);
  const auto run = [=](const Args& a, const Launch& launch) {
    auto* scratch = static_cast<double*>(a.scratch);
    const void* x = a.at<void>(Op::X);
    auto *mean = a.at<float>(Op::Mean), *var = a.at<float>(Op::Var);
    launch(sums, plan.grid, {kThreads}, BatchNormSumsParams{plan.tiles, x, nullptr, nullptr, scratch});
    BatchNormStatsParams s{};
    s.sums = scratch, s.x = x, s.mean = mean, s.var = var;
    s.image = plan.tiles.image, s.count = double(plan.count), s.segments = plan.tiles.segments;
    launch(stats, plan.warps(), {kThreads}, s);
    BatchNormApplyParams p{};
    p.tiles = plan.tiles, p.y = a.at<void>(Op::Y), p.x = x;
    p.scale = a.at<const float>(Op::Gamma), p.shift = a.at<const float>(Op::Beta);
    p.mean = mean, p.var = var, p.epsilon = f.epsilon, p.least = least(f.relu);
    launch(apply, plan.grid, {kThreads}, p);
  };
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel", run, plan.scratch());
}

KernelPtr make(const BatchNormBackward& f, Specs specs, const Target& target) {
  using Op = BatchNormBackward;
  settle_images(specs, Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  const Plan plan(specs, Op::X);
  const auto dtype = specs[Op::X].dtype;
  const auto sums = plan.kernel(target, "batch_norm_backward", "_sums", dtype);
  const auto slopes = target.function("batch_norm", "batch_norm_slopes");
  const auto apply = plan.kernel(target, "batch_norm_backward", "", dtype);
  const auto run = [=](const Args& a, const Launch& launch) {
    auto* scratch = static_cast<double*>(a.scratch);
    const void *x = a.at<void>(Op::X), *dy = a.at<void>(Op::DY);
    const auto *mean = a.at<const float>(Op::Mean), *var = a.at<const float>(Op::Var);
    auto *dscale = a.at<float>(Op::DGamma), *dshift = a.at<float>(Op::DBeta);
    launch(sums, plan.grid, {kThreads}, BatchNormSumsParams{plan.tiles, x, dy, mean, scratch});
    launch(slopes, plan.warps(), {kThreads},
           BatchNormSlopesParams{scratch, var, dscale, dshift, nullptr, plan.channels, f.epsilon,
                                 plan.tiles.segments});
    BatchNormApplyParams p{};
    p.tiles = plan.tiles, p.y = a.at<void>(Op::DX), p.x = x, p.dy = dy;
    p.scale = a.at<const float>(Op::Gamma), p.mean = mean, p.var = var;
    p.dscale = dscale, p.dshift = dshift;
    p.epsilon = f.epsilon, p.least = least(false), p.count = float(plan.count);
    launch(apply, plan.grid, {kThreads}, p);
  };
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel", run, plan.scratch());
}

KernelPtr make(const BatchNormInference& f, Specs specs, const Target& target) {
  using Op = BatchNormInference;
  settle_images(specs, Op::X);
  specs.same_layout({Op::Y, Op::X});
  const Plan plan(specs, Op::X);
  const auto apply = plan.kernel(target, "batch_norm", "", specs[Op::X].dtype);
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel",
                     [=](const Args& a, const Launch& launch) {
                       BatchNormApplyParams p{};
                       p.tiles = plan.tiles, p.y = a.at<void>(Op::Y), p.x = a.at<void>(Op::X);
                       p.scale = a.at<const float>(Op::Gamma), p.shift = a.at<const float>(Op::Beta);
                       p.mean = a.at<const float>(Op::Mean), p.var = a.at<const float>(Op::Var);
                       p.epsilon = f.epsilon, p.least = least(f.relu);
                       launch(apply, plan.grid, {kThreads}, p);
                     });
}

KernelPtr make(const BatchNormMoments& f, Specs specs, const Target& target) {
  using Op = BatchNormMoments;
  settle_images(specs, Op::X);
  const Plan plan(specs, Op::X);
  const auto dtype = specs[Op::X].dtype;
  const auto sums = plan.kernel(target, "batch_norm", "_sums", dtype);
  const auto moments = target.function("batch_norm_shared", "batch_norm_moments", dtype);
  const auto run = [=, slots = specs.shape(Op::Moments)[0]](const Args& a, const Launch& launch) {
    auto* scratch = static_cast<double*>(a.scratch);
    const void* x = a.at<void>(Op::X);
    launch(sums, plan.grid, {kThreads}, BatchNormSumsParams{plan.tiles, x, nullptr, nullptr, scratch});
    launch(moments, plan.warps(), {kThreads},
           BatchNormMomentsParams{scratch, x, a.at<float>(Op::Moments), plan.tiles.image, double(plan.count),
                                  f.slot, slots, plan.tiles.segments});
  };
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel", run, plan.scratch());
}

KernelPtr make(const BatchNormCombine&, Specs specs, const Target& target) {
  using Op = BatchNormCombine;
  specs.settle_as(Op::Mean);
  const int64_t channels = specs.shape(Op::Mean)[0], slots = specs.shape(Op::Moments)[0];
  const auto function = target.function("batch_norm_shared", "batch_norm_combine");
  const auto grid = blocks_for(target.gpu, channels, kThreads);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, grid, {kThreads},
           BatchNormCombineParams{a.at<float>(Op::Mean), a.at<float>(Op::Var), a.at<const float>(Op::Moments),
                                  channels, slots});
  });
}

KernelPtr make(const BatchNormBackwardSums& f, Specs specs, const Target& target) {
  using Op = BatchNormBackwardSums;
  settle_images(specs, Op::X);
  specs.same_layout({Op::X, Op::DY});
  const Plan plan(specs, Op::X);
  const auto sums = plan.kernel(target, "batch_norm_backward", "_sums", specs[Op::X].dtype);
  const auto slopes = target.function("batch_norm", "batch_norm_slopes");
  const auto run = [=](const Args& a, const Launch& launch) {
    auto* scratch = static_cast<double*>(a.scratch);
    launch(sums, plan.grid, {kThreads},
           BatchNormSumsParams{plan.tiles, a.at<void>(Op::X), a.at<void>(Op::DY), a.at<const float>(Op::Mean),
                               scratch});
    launch(slopes, plan.warps(), {kThreads},
           BatchNormSlopesParams{scratch, a.at<const float>(Op::Var), a.at<float>(Op::DGamma),
                                 a.at<float>(Op::DBeta), a.at<float>(Op::Sums), plan.channels, f.epsilon,
                                 plan.tiles.segments});
  };
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel", run, plan.scratch());
}

KernelPtr make(const BatchNormBackwardShared& f, Specs specs, const Target& target) {
  using Op = BatchNormBackwardShared;
  settle_images(specs, Op::X);
  specs.same_layout({Op::DX, Op::X, Op::DY});
  const Plan plan(specs, Op::X);
  const auto apply = plan.kernel(target, "batch_norm_backward", "", specs[Op::X].dtype);
  return make_launch(std::move(specs), plan.planes ? "kernel by planes" : "kernel",
                     [=](const Args& a, const Launch& launch) {
                       const auto* sums = a.at<const float>(Op::Sums);
                       BatchNormApplyParams p{};
                       p.tiles = plan.tiles, p.y = a.at<void>(Op::DX);
                       p.x = a.at<void>(Op::X), p.dy = a.at<void>(Op::DY);
                       p.scale = a.at<const float>(Op::Gamma), p.mean = a.at<const float>(Op::Mean);
                       p.var = a.at<const float>(Op::Var);
                       p.dscale = sums, p.dshift = sums + plan.channels;
                       p.epsilon = f.epsilon, p.least = least(false), p.count = float(f.count);
                       launch(apply, plan.grid, {kThreads}, p);
                     });
}

KernelPtr make(const BatchNormUpdate& f, Specs specs, const Target& target) {
  using Op = BatchNormUpdate;
  specs.settle_as(Op::RunningMean);
  const int64_t channels = specs.shape(Op::Mean)[0];
  const auto function = target.function("batch_norm", "batch_norm_update");
  const auto grid = blocks_for(target.gpu, channels, kThreads);
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    const float unbiased = f.count > 1 ? float(f.count) / float(f.count - 1) : 1;
    launch(function, grid, {kThreads},
           BatchNormUpdateParams{a.at<float>(Op::RunningMean), a.at<float>(Op::RunningVar),
                                 a.at<const float>(Op::Mean), a.at<const float>(Op::Var),
                                 a.at<const i32>(Op::Ok), channels, f.momentum, unbiased});
  });
}

}  // namespace alexnode::cuda
