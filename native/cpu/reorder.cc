// Any layout and dtype to any other. oneDNN does it if it has fast code; else (bf16 on a CPU without it, odd
// layouts) our own loop does: in every layout the place of an element is a sum of one term a dim, so a table
// a dim is all that the loop needs.
#include <algorithm>
#include <cstdint>

#include "cpu/kernels.h"
#include "cpu/loops.h"
#include "cpu/onednn.h"
#include "cpu/simd/simd.h"
#include "cpu/winograd/op.h"
#include "sizes.h"

namespace alexnode::cpu {

namespace {

constexpr int64_t kPadding = -1;
/// The longest table of places, which takes 16 bytes a place.
constexpr int64_t kMostPlaces = int64_t(1) << 24;

/// What index i of a dim adds to an element's place. As long as `length`, which may count padding.
std::vector<int64_t> places(const Layout& layout, const Shape& shape, int dim, int64_t length) {
  // Strides of the dim's digits: its blocks from the innermost outwards, then what is left outside.
  std::vector<std::pair<int64_t, int64_t>> digits;  // size, stride
  int64_t stride = 1;
  for (auto b = layout.inner.rbegin(); b != layout.inner.rend(); ++b) {
    if (b->first == dim) digits.emplace_back(b->second, stride);
    stride *= b->second;
  }
  for (auto d = layout.outer.rbegin(); *d != dim; ++d)
    stride *= (shape[*d] + layout.block(*d) - 1) / layout.block(*d);
  std::vector<int64_t> out(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; i++) {
    int64_t rest = i;
    for (auto [size, by] : digits) out[i] += rest % size * by, rest /= size;
    out[i] += rest * stride;
  }
  return out;
}

/// Dims in the order of y's memory, the innermost last.
struct Walk {
  struct Dim {
    std::vector<int64_t> x, y;  // x: kPadding where the index is beyond the shape
  };
  std::vector<Dim> dims;
};

Walk walk(const Spec& x, const Spec& y) {
  const size_t rank = y.shape.size();
  const auto from = Layout::parse(x.layout, rank), to = Layout::parse(y.layout, rank);
  std::vector<int> order = to.outer;
  for (auto [dim, block] : to.inner) {
    order.erase(std::find(order.begin(), order.end(), dim));
    order.push_back(dim);
  }
  Walk out;
  for (int dim : order) {
    const int64_t n = y.shape[dim], padded = round_up(n, to.block(dim));
    if (padded > kMostPlaces)
      fail("[reorder] expected dims of at most ", kMostPlaces, " between the layouts '", x.layout, "' and '",
           y.layout, "', got ", to_text(y.shape));
    auto px = places(from, x.shape, dim, padded);
    std::fill(px.begin() + n, px.end(), kPadding);
    out.dims.push_back({std::move(px), places(to, y.shape, dim, padded)});
  }
  return out;
}

template <class From, class To>
ALEXNODE_CLONES void convert(To* y, const From* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = To(float(x[i]));
}

template <class From, class To>
void copy(To* y, const From* x, const Walk& walk) {
  const auto& last = walk.dims.back();
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < walk.dims.size(); d++) rows *= int64_t(walk.dims[d].y.size());
  split(
      rows,
      [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
          int64_t px = 0, py = 0, rest = row;
          for (size_t d = walk.dims.size() - 1; d-- > 0;) {
            const auto& dim = walk.dims[d];
            const int64_t n = int64_t(dim.y.size()), i = rest % n;
            rest /= n;
            py += dim.y[i];
            if (px != kPadding) px = dim.x[i] == kPadding ? kPadding : px + dim.x[i];
          }
          for (size_t i = 0; i < last.y.size(); i++)
            y[py + last.y[i]] =
                px == kPadding || last.x[i] == kPadding ? To(0.f) : To(float(x[px + last.x[i]]));
        }
      },
      64, 1);
}

template <class From, class To>
KernelPtr own(Specs specs) {
  const auto &x = specs[Reorder::X], &y = specs[Reorder::Y];
  if (x.layout == y.layout) {
    const int64_t n = int64_t(x.bytes() / sizeof(From));
    return make_kernel(std::move(specs), "convert", [n](const Args& a) {
      split(n, [to = a.at<To>(Reorder::Y), from = a.at<From>(Reorder::X)](int64_t begin, int64_t end) {
        convert(to + begin, from + begin, end - begin);
      });
    });
  }
  auto plan = walk(x, y);
  return make_kernel(std::move(specs), "reorder", [plan = std::move(plan)](const Args& a) {
    copy(a.at<To>(Reorder::Y), a.at<From>(Reorder::X), plan);
  });
}

template <class From>
KernelPtr own(Specs specs) {
  return specs[Reorder::Y].dtype == DType::bf16 ? own<From, bf16>(std::move(specs))
                                                : own<From, float>(std::move(specs));
}

/// True where blocks of two dims or more are not full. oneDNN 3.7.2 was seen to leave their padding unwritten
/// there, on a Zen 5 and not on a Zen 4; ops expect zeros.
[[maybe_unused]] bool fills_in_two_dims(const Spec& s) {
  const auto layout = Layout::parse(s.layout, s.shape.size());
  int dims = 0;
  for (size_t d = 0; d < s.shape.size(); d++) dims += s.shape[d] % layout.block(int(d)) != 0;
  return dims >= 2;
}

/// Null if oneDNN has no implementation, no fast one, or no correct one.
KernelPtr by_onednn(const Specs& specs) {
#if DNNL_VERSION_MAJOR >= 3
  if (fills_in_two_dims(specs[Reorder::Y])) return nullptr;
#endif
  try {
    const auto x = descriptor(specs[Reorder::X]), y = descriptor(specs[Reorder::Y]);
    const dnnl::reorder::primitive_desc pd(engine(), x, engine(), y, attributes());
    const std::string implementation = pd.impl_info_str();
    if (is_reference(implementation) || implementation.find("simple") == 0) return nullptr;
    return make_kernel(
        specs, implementation,
        Primitive(dnnl::reorder(pd), {{DNNL_ARG_FROM, Reorder::X, x}, {DNNL_ARG_TO, Reorder::Y, y}},
                  pd.scratchpad_desc()));
  } catch (const dnnl::error& error) {
    // Invalid: a layout that oneDNN has no name for.
    if (error.status != dnnl_unimplemented && error.status != dnnl_invalid_arguments) throw;
    return nullptr;
  }
}

}  // namespace

KernelPtr make(const Reorder&, Specs specs) {
  specs.settle_as(Reorder::X);
  if (auto kernel = make_winograd_filters(specs)) return kernel;
  if (auto kernel = by_onednn(specs)) return kernel;
  switch (specs[Reorder::X].dtype) {
    case DType::u8:
      return own<uint8_t>(std::move(specs));
    case DType::bf16:
      return own<bf16>(std::move(specs));
    default:
      return own<float>(std::move(specs));
  }
}

}  // namespace alexnode::cpu
