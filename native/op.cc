#include "op.h"

#include <cstdint>

#include "sizes.h"

namespace alexnode {

void Specs::expect(int slot, const Shape& shape) {
  auto& spec = (*this)[slot];
  if (spec.absent) return;
  for (auto d : shape)
    if (d <= 0)
      fail(slots[slot].name, " would have the shape ", to_text(shape),
           ": the input is too small for this window");
  if (spec.shape.empty() && slots[slot].role == Role::out) spec.shape = shape;
  if (spec.shape != shape)
    fail(slots[slot].name, ": expected ", to_text(shape), ", got ", to_text(spec.shape));
}

void Specs::rank(int slot, size_t rank) const {
  if (has(slot) && !shape(slot).empty() && shape(slot).size() != rank)
    fail(slots[slot].name, ": expected ", rank, " dims, got ", to_text(shape(slot)));
}

void Specs::check_given() {
  DType agreed = DType::none;
  for (size_t i = 0; i < size(); i++)
    if (auto& s = (*this)[i];
        !s.absent && slots[i].dtypes & kAgree && s.dtype != DType::none && agreed == DType::none)
      agreed = s.dtype;
  for (size_t i = 0; i < size(); i++) {
    auto& s = (*this)[i];
    const auto& slot = slots[i];
    if (s.absent) {
      if (!slot.optional) fail("needs the tensor '", slot.name, "', and got none");
      continue;
    }
    if (s.dtype == DType::none) {
      if (slot.dtypes & kAgree)
        s.dtype = agreed == DType::none ? DType::f32 : agreed;
      else
        for (auto t : {DType::f32, DType::u8, DType::i32, DType::u32})
          if (s.dtype == DType::none && slot.dtypes >> int(t) & 1) s.dtype = t;
    }
    if (!(slot.dtypes >> int(s.dtype) & 1)) {
      std::string allowed;
      for (auto t : kDTypes)
        if (slot.dtypes >> int(t) & 1) allowed += (allowed.empty() ? "" : " or ") + std::string(name_of(t));
      fail(slot.name, ": expected dtype ", allowed, ", got ", name_of(s.dtype));
    }
    if (slot.dtypes & kAgree && s.dtype != agreed && agreed != DType::none)
      fail(slot.name, ": expected dtype ", name_of(agreed), " as the other tensors of this call, got ",
           name_of(s.dtype));
    if (s.shape.empty() && slot.role != Role::out) fail(slot.name, ": expected a shape, got none");
    int64_t count = 1;
    for (auto d : s.shape)
      if (d <= 0 || __builtin_mul_overflow(count, d, &count) || count > kMostElements)
        fail(slot.name, ": expected dims of 1 or more and at most 2^40 elements, got ", to_text(s.shape));
  }
}

void Specs::check_settled() const {
  for (size_t i = 0; i < size(); i++) {
    const auto& s = (*this)[i];
    if (s.absent) continue;
    if (s.shape.empty()) fail(slots[i].name, ": its shape cannot be told from the other tensors; give one");
    if (s.layout != "any") check_layout(s.layout, s.shape, slots[i].dtypes & kFilters);
  }
  check_sizes();
}

void Specs::check_sizes() const {
  for (size_t i = 0; i < size(); i++) {
    const auto& s = (*this)[i];
    if (s.absent) continue;
    try {
      s.layout == "any" ? void(elements(s.shape)) : void(s.bytes());
    } catch (const TooLarge&) {
      fail(slots[i].name, ": expected at most 2^40 elements in memory, got ", to_text(s.shape),
           " in the layout ", s.layout);
    }
  }
}

void Specs::settle_as(int like) {
  auto& main = (*this)[like];
  for (auto& s : *this)
    if (main.layout == "any" && !s.absent && s.shape == main.shape) main.layout = s.layout;
  for (auto& s : *this)
    if (!s.absent && s.layout == "any")
      s.layout = (*this)[like].layout != "any" && s.shape.size() == shape(like).size()
                     ? (*this)[like].layout
                     : dense_layout(s.shape.size());
}

void Specs::same_layout(std::initializer_list<int> which) const {
  int first = -1;
  for (int i : which) {
    if (!has(i)) continue;
    if (first < 0) first = i;
    const auto &a = (*this)[first].layout, &b = (*this)[i].layout;
    if (a != b)
      fail(slots[i].name, ": expected the layout '", a, "' of ", slots[first].name, ", got '", b,
           "'; reorder one of them");
  }
}

}  // namespace alexnode
