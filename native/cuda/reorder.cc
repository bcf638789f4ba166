// A reorder is one of three kernels: a flat conversion, a transposition in tiles (NCHW and NHWC, matrices),
// or a walk over the digits of the element's number (blocked layouts).
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "cuda/kernel.h"
#include "cuda/kernels/move.h"
#include "cuda/reorder_plan.h"

namespace alexnode::cuda {

namespace {

/// Launches a reorder of any `x` to `y`.
std::function<void(void* y, const void* x, const Launch&)> make_reorder(const Spec& x, const Spec& y,
                                                                        const Target& target,
                                                                        std::string& implementation) {
  const auto walk = plan_reorder(x, y);
  if (!walk) return nullptr;
  const auto function = [&](const char* name) {
    implementation = name;
    return target.function("move", text(name, "_", name_of(y.dtype), "_", name_of(x.dtype)));
  };
  // In one layout, padding is converted along with the rest: zero stays zero.
  const bool flat = x.layout == y.layout ||
                    (!walk->padded && walk->digits == 1 && is_plain(*walk, 0) && walk->part[0].stride == 1);
  if (flat) {
    return [f = function("convert"), count = walk->count](void* y, const void* x, const Launch& launch) {
      constexpr int kSome = 4;  // elements per thread, at least
      launch(f, blocks_for(launch.gpu, (count + kSome - 1) / kSome, kThreads), {kThreads},
             ConvertParams{y, x, count});
    };
  }
  if (auto t = as_transposition(*walk)) {
    const auto tiles = [](int64_t n) { return (n + TransposeParams::kTile - 1) / TransposeParams::kTile; };
    const auto blocks = unsigned(std::min<int64_t>(t->batches * tiles(t->rows) * tiles(t->columns), 1 << 30));
    return [f = function("transpose"), t = *t, blocks](void* y, const void* x, const Launch& launch) {
      auto p = t;
      p.y = y, p.x = x;
      launch(f, {blocks}, {kThreads}, p);
    };
  }
  return [f = function("reorder"), p = *walk](void* y, const void* x, const Launch& launch) {
    auto q = p;
    q.y = y, q.x = x;
    launch(f, blocks_for(launch.gpu, q.count, kThreads), {kThreads}, q);
  };
}

}  // namespace

KernelPtr make(const Reorder&, Specs specs, const Target& target) {
  using Op = Reorder;
  specs.settle_as(Op::X);
  const auto &x = specs[Op::X], &y = specs[Op::Y];
  std::string words;
  if (auto reorder = make_reorder(x, y, target, words))
    return make_launch(std::move(specs), words, [=](const Args& a, const Launch& launch) {
      reorder(a.at<void>(Op::Y), a.at<const void>(Op::X), launch);
    });
  // Blocks that do not divide each other: through the row-major layout.
  Spec dense{x.shape, y.dtype, dense_layout(x.shape.size()), false};
  auto there = make_reorder(x, dense, target, words), back = make_reorder(dense, y, target, words);
  if (!there || !back) specs.fail("expected layouts of fewer blocks, got ", x.layout, " and ", y.layout);
  const auto scratch = dense.bytes();
  return make_launch(
      std::move(specs), "reorder twice",
      [=](const Args& a, const Launch& launch) {
        there(a.scratch, a.at<const void>(Op::X), launch);
        back(a.at<void>(Op::Y), a.scratch, launch);
      },
      scratch);
}

}  // namespace alexnode::cuda
