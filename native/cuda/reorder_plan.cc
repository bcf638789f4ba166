// An element's number in a layout is read as digits: one for each block of a dim and one for what is left of
// the dim. Each digit of y is a range of the dim's index, and is matched with x's digits of the same dim.
#include "cuda/reorder_plan.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace alexnode::cuda {

namespace {

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
/// Nothing if they do not divide each other, like blocks of 6 and 4.
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

}  // namespace

std::optional<ReorderParams> plan_reorder(const Spec& x, const Spec& y) {
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

}  // namespace alexnode::cuda
