#include "layout.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "error.h"
#include "sizes.h"

namespace alexnode {

std::string to_text(const Shape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); i++) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

int64_t elements(const Shape& shape) {
  int64_t n = 1;
  for (auto d : shape) n = product(n, d);
  return n;
}

Layout Layout::parse(std::string_view tag, size_t rank) {
  const auto bad = [&] {
    fail("[layout] expected a layout of ", rank, " dims such as '", dense_layout(rank), "', got '", tag, "'");
  };
  Layout out;
  size_t i = 0;
  unsigned seen = 0, blocked = 0, closed = 0;
  for (; i < tag.size() && std::isalpha(static_cast<unsigned char>(tag[i])); i++) {
    const bool upper = std::isupper(static_cast<unsigned char>(tag[i]));
    const int dim = tag[i] - (upper ? 'A' : 'a');
    if (dim < 0 || size_t(dim) >= rank || (seen >> dim & 1)) bad();
    seen |= 1u << dim;
    if (upper) blocked |= 1u << dim;
    out.outer.push_back(dim);
  }
  if (out.outer.size() != rank) bad();
  while (i < tag.size()) {
    int64_t block = 0;
    for (; i < tag.size() && std::isdigit(static_cast<unsigned char>(tag[i])) && block < 4096; i++)
      block = block * 10 + (tag[i] - '0');
    if (i >= tag.size() || block < 2) bad();
    const int dim = tag[i++] - 'a';
    if (dim < 0 || size_t(dim) >= rank || !(blocked >> dim & 1)) bad();
    closed |= 1u << dim;
    out.inner.emplace_back(dim, block);
    if (out.inner.size() > kMostBlocks || block > kMostBlock) bad();
  }
  if (closed != blocked) bad();
  return out;
}

int64_t Layout::block(int dim) const {
  int64_t b = 1;
  for (auto [d, size] : inner)
    if (d == dim) b *= size;
  return b;
}

int64_t Layout::elements(const Shape& shape) const {
  int64_t n = 1;
  for (size_t d = 0; d < shape.size(); d++) n = product(n, round_up(shape[d], block(int(d))));
  return n;
}

std::string dense_layout(size_t rank) { return std::string("abcdefghijkl").substr(0, rank); }

std::optional<WinogradLayout> WinogradLayout::parse(std::string_view tag) {
  WinogradLayout out{};
  const std::pair<std::string_view, int64_t*> parts[] = {
      {"winograd", &out.tile}, {"x", &out.taps}, {"s", &out.stride}, {"p", &out.panel}};
  for (const auto& [name, value] : parts) {
    if (!tag.starts_with(name)) return {};
    tag.remove_prefix(name.size());
    const auto [end, error] = std::from_chars(tag.data(), tag.data() + tag.size(), *value);
    if (error != std::errc() || *value < 1 || *value > 4096) return {};
    tag.remove_prefix(size_t(end - tag.data()));
  }
  if (!tag.empty()) return {};
  return out;
}

std::string WinogradLayout::tag() const { return text("winograd", tile, "x", taps, "s", stride, "p", panel); }

int64_t WinogradLayout::plane(int64_t floats) {
  constexpr int64_t line = 16;
  return ((floats + line - 1) / line | 1) * line;
}

int64_t WinogradLayout::floats(const Shape& w) const {
  const size_t o = w.size() - 4;  // [groups,] O, I, R, R
  const int64_t size = tile + taps - 1, outputs = round_up(w[o], panel);
  return product(o ? w[0] : 1, size, size, plane(product(w[o + 1], stride, stride, outputs)));
}

void check_layout(std::string_view tag, const Shape& shape, bool filters) {
  if (filters && (shape.size() == 4 || shape.size() == 5) && WinogradLayout::parse(tag)) return;
  Layout::parse(tag, shape.size());
}

size_t bytes_of(const Shape& shape, DType dtype, std::string_view layout) {
  if (const auto winograd = WinogradLayout::parse(layout))
    return size_t(winograd->floats(shape)) * sizeof(float);
  return size_t(Layout::parse(layout, shape.size()).elements(shape)) * size_of(dtype);
}

ImageView ImageView::of(std::string_view op, const Shape& shape, std::string_view layout) {
  if (shape.size() != 4 && shape.size() != 2)
    fail("[", op, "] expected [N, C, H, W] or [N, C], got ", to_text(shape));
  ImageView v{};
  v.n = shape[0], v.c = shape[1];
  v.h = shape.size() == 4 ? shape[2] : 1, v.w = shape.size() == 4 ? shape[3] : 1;
  v.pixels = v.h * v.w;
  if (layout == "abcd" || layout == "ab") {
    v.block = 1, v.block_stride = v.pixels, v.pixel_stride = 1, v.image_stride = v.c * v.pixels;
    // One pixel: channels are contiguous, which lets kernels vectorise over channels.
    if (v.pixels == 1) v.block = v.c, v.block_stride = 0, v.pixel_stride = v.c;
    return v;
  }
  if (layout == "acdb") {
    v.block = v.c, v.block_stride = 0, v.pixel_stride = v.c, v.image_stride = v.c * v.pixels;
    return v;
  }
  const auto parsed = Layout::parse(layout, shape.size());
  const bool in_order = std::is_sorted(parsed.outer.begin(), parsed.outer.end());
  if (!in_order || parsed.inner.size() != 1 || parsed.inner[0].first != 1)
    fail("[", op, "] cannot work in the layout '", layout,
         "': expected NCHW (abcd), NHWC (acdb) or blocked channels (aBcd8b); reorder first");
  v.block = parsed.inner[0].second, v.block_stride = v.block * v.pixels, v.pixel_stride = v.block;
  v.image_stride = v.blocks() * v.block_stride;
  return v;
}

}  // namespace alexnode
