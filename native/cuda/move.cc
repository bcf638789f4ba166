// reorder, copy_channels and fill. A reorder becomes one of three kernels: a flat conversion, a transposition
// in tiles (NCHW and NHWC, matrices), or a walk over the digits of the element's number (blocked layouts).
#include "cuda/kernels/move.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

bool aligned(const void* a, const void* b) {
  return (reinterpret_cast<uintptr_t>(a) | reinterpret_cast<uintptr_t>(b)) % 16 == 0;
}

/// A dim, or a block of it, as a digit of an element's number.
struct Digit {
  int dim;
  int64_t step;    // what one more is to the dim's index
  int64_t size;    // the index of the outermost has no end: 0
  int64_t count;   // values it has
  int64_t stride;  // in memory
};

/// The digits of a layout, the last first.
std::vector<Digit> digits_of(const Spec& spec) {
  const auto layout = Layout::parse(spec.layout, spec.shape.size());
  std::vector<Digit> out;
  int64_t stride = 1;
  std::vector<int64_t> step(spec.shape.size(), 1);
  for (auto b = layout.inner.rbegin(); b != layout.inner.rend(); ++b) {
    out.push_back({b->first, step[size_t(b->first)], b->second, b->second, stride});
    step[size_t(b->first)] *= b->second, stride *= b->second;
  }
  for (auto d = layout.outer.rbegin(); d != layout.outer.rend(); ++d) {
    const int64_t block = step[size_t(*d)], count = (spec.shape[size_t(*d)] + block - 1) / block;
    out.push_back({*d, block, 0, count, stride});
    stride *= count;
  }
  return out;
}

/// How digit `to` of y adds to the place in x: its range of the dim's index, cut where x's digits end.
/// Nothing where they do not fit into each other, as blocks of 6 and 4.
std::optional<std::vector<ReorderParams::Part>> parts_of(const Digit& to, const std::vector<Digit>& x) {
  std::vector<ReorderParams::Part> parts;
  const auto end_of = [](const Digit& d) { return d.size ? d.step * d.size : INT64_MAX; };
  for (const auto& from : x) {
    if (from.dim != to.dim) continue;
    const int64_t begin = std::max(to.step, from.step), end = std::min(end_of(to), end_of(from));
    if (begin >= end) continue;
    const bool last = end == end_of(to);
    if (begin % to.step || begin % from.step || (end != INT64_MAX && end % begin)) return std::nullopt;
    parts.push_back({begin / to.step, last ? 0 : end / begin, begin / from.step * from.stride});
  }
  return parts;
}

/// Nothing where no walk over y's digits finds the places in x.
std::optional<ReorderParams> plan(const Spec& x, const Spec& y) {
  struct Step {
    Digit digit;
    std::vector<ReorderParams::Part> parts;
  };
  const auto from = digits_of(x), to = digits_of(y);
  const auto is_padded = [&](int dim) {
    int64_t block = 1;
    for (const auto& d : to)
      if (d.dim == dim) block = std::max(block, d.step);
    return y.shape[size_t(dim)] % block != 0;
  };
  std::vector<Step> steps;
  for (const auto& digit : to) {
    if (digit.count == 1) continue;
    auto parts = parts_of(digit, from);
    if (!parts) return std::nullopt;
    // Neighbours in y that are neighbours in x too are one digit.
    if (!steps.empty() && steps.back().parts.size() == 1 && parts->size() == 1) {
      auto& last = steps.back();
      const auto &inner = last.parts[0], &outer = (*parts)[0];
      if (inner.unit == 1 && !inner.size && outer.unit == 1 && !outer.size &&
          outer.stride == inner.stride * last.digit.count && !is_padded(last.digit.dim) &&
          !is_padded(digit.dim)) {
        last.digit.count *= digit.count;
        continue;
      }
    }
    steps.push_back({digit, std::move(*parts)});
  }
  ReorderParams p{};
  p.count = bytes_of(y.shape, DType::u8, y.layout);
  std::vector<int> padded;
  for (int dim = 0; dim < int(y.shape.size()); dim++)
    if (is_padded(dim)) padded.push_back(dim);
  int parts = 0;
  for (const auto& s : steps) parts += int(s.parts.size());
  if (int(steps.size()) > p.kDigits || parts > p.kParts || int(padded.size()) > p.kPadded)
    return std::nullopt;
  for (const int dim : padded) p.length[p.padded++] = y.shape[size_t(dim)];
  parts = 0;
  for (const auto& s : steps) {
    auto& digit = p.digit[p.digits++];
    digit.size = s.digit.count, digit.parts = int(s.parts.size());
    for (int k = 0; k < p.padded; k++) digit.steps[k] = s.digit.dim == padded[size_t(k)] ? s.digit.step : 0;
    for (const auto& part : s.parts) p.part[parts++] = part;
  }
  return p;
}

bool is_plain(const ReorderParams& p, int digit) {
  return p.digit[digit].parts == 1 && p.part[digit].unit == 1 && !p.part[digit].size;
}

/// Where rows of x are columns of y, in batches or not, and neither is so short that tiles stay empty.
std::optional<TransposeParams> as_transposition(const ReorderParams& p) {
  constexpr int64_t least = 16;
  if (p.padded || p.digits < 2 || p.digits > 3) return std::nullopt;
  for (int d = 0; d < p.digits; d++)
    if (!is_plain(p, d)) return std::nullopt;
  TransposeParams t{};
  t.rows = p.digit[0].size, t.row_stride = p.part[0].stride;
  t.columns = p.digit[1].size;
  t.batches = p.digits == 3 ? p.digit[2].size : 1, t.batch_stride = p.digits == 3 ? p.part[2].stride : 0;
  if (p.part[1].stride != 1 || t.rows < least || t.columns < least) return std::nullopt;
  return t;
}

/// One launch of a reorder; `x` and `y` are put in as it is launched.
std::function<void(void* y, const void* x, const Launch&)> make_reorder(const Spec& x, const Spec& y,
                                                                        const Target& target,
                                                                        std::string& implementation) {
  const auto walk = plan(x, y);
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
      constexpr int kSome = 4;  // elements a thread, at least
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
  // Blocks that do not fit into each other: by way of the row-major layout.
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

KernelPtr make(const CopyChannels& f, Specs specs, const Target& target) {
  using Op = CopyChannels;
  specs.settle_as(Op::X);
  const auto to = ImageView::of(Op::name, specs.shape(Op::Y), specs[Op::Y].layout);
  const auto from = ImageView::of(Op::name, specs.shape(Op::X), specs[Op::X].layout);
  const auto size = int64_t(size_of(specs[Op::X].dtype));

  // Both in runs that lie at even steps: pixels of NHWC, images of NCHW and of whole blocks.
  CopyRowsParams rows{};
  int64_t first_to = 0, first_from = 0;
  if (to.block == to.c && from.block == from.c) {
    rows = {nullptr, nullptr, to.n * to.pixels, f.count, to.pixel_stride, from.pixel_stride};
    first_to = f.to, first_from = f.from;
  } else if (to.block == from.block && f.to % to.block == 0 && f.from % to.block == 0 &&
             f.count % to.block == 0) {
    rows = {nullptr, nullptr, to.n, f.count * to.pixels, to.image_stride, from.image_stride};
    first_to = f.to * to.pixels, first_from = f.from * to.pixels;
  }
  if (rows.run) {
    const int64_t wide = 16 / size;
    const bool whole = (rows.run | rows.y_step | rows.x_step | first_to | first_from) % wide == 0;
    const auto one = target.function("move", text("copy_rows_", size));
    const auto many = whole ? target.function("move", "copy_rows_16") : nullptr;
    return make_launch(std::move(specs), "copy rows", [=](const Args& a, const Launch& launch) {
      auto p = rows;
      p.y = a.at<std::byte>(Op::Y) + first_to * size, p.x = a.at<const std::byte>(Op::X) + first_from * size;
      const bool all = many && aligned(p.y, p.x);
      if (all) p.run /= wide, p.y_step /= wide, p.x_step /= wide;
      launch(all ? many : one, blocks_for(launch.gpu, p.rows * p.run, kThreads), {kThreads}, p);
    });
  }
  const auto function = target.function("move", text("copy_channels_", size));
  const CopyChannelsParams params{nullptr, nullptr, image_of(to), image_of(from), f.to, f.from, f.count};
  return make_launch(std::move(specs), "copy channels", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y), p.x = a.at<const void>(Op::X);
    launch(function, blocks_for(launch.gpu, p.to.n * p.channels * p.to.pixels, kThreads), {kThreads}, p);
  });
}

KernelPtr make(const Fill& f, Specs specs, const Target& target) {
  using Op = Fill;
  specs.settle_as(Op::Y);
  const auto& y = specs[Op::Y];
  const auto whole = uint32_t(int64_t(f.value));
  const bool integers = y.dtype == DType::u8 || y.dtype == DType::i32 || y.dtype == DType::u32;
  const auto function =
      integers ? target.function("move", "fill_word") : target.function("move", "fill", y.dtype);
  const FillParams params{nullptr, int64_t(y.bytes()), f.value,
                          y.dtype == DType::u8 ? (whole & 0xff) * 0x1010101u : whole};
  return make_launch(std::move(specs), "fill", [=](const Args& a, const Launch& launch) {
    auto p = params;
    p.y = a.at<void>(Op::Y);
    launch(function, blocks_for(launch.gpu, (p.bytes + 15) / 16, kThreads), {kThreads}, p);
  });
}

}  // namespace alexnode::cuda
