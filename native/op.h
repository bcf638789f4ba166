// What an op is, whatever device runs it: one plain struct with its fields (visited by name), its slots (the
// tensors it takes, outputs first) and its shape rule. native/ops/ holds them, one file a topic;
// native/ops/table.h lists them. A backend turns such a struct and the tensors' specs into a Kernel, once;
// running a Kernel only launches.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "layout.h"

namespace alexnode {

using Int2 = std::array<int64_t, 2>;
using Int4 = std::array<int64_t, 4>;

enum class Role : uint8_t { out, in, inout };

/// A set of dtypes. T: f32, bf16 or f16, and all slots of a call marked so agree.
enum DTypes : uint16_t {
  kF32 = 1 << int(DType::f32),
  kBf16 = 1 << int(DType::bf16),
  kF16 = 1 << int(DType::f16),
  kU8 = 1 << int(DType::u8),
  kI32 = 1 << int(DType::i32),
  kU32 = 1 << int(DType::u32),
  kFilters = 1 << 13,  // filters, which may lie in a layout of Winograd's own
  kChooses = 1 << 14,  // an input whose layout the op chooses; a tensor in another one is reordered
  kAgree = 1 << 15,
  kHalf = kBf16 | kF16,
  kFloat = kF32 | kHalf,
  kT = kFloat | kAgree,
};

struct Slot {
  const char* name;
  Role role;
  unsigned dtypes;
  bool optional = false;
};

/// Describes a tensor that need not have memory yet. The op chooses a layout of "any".
struct Spec {
  Shape shape;
  DType dtype = DType::none;
  std::string layout = "any";
  bool absent = false;
  size_t bytes() const { return absent ? 0 : bytes_of(shape, dtype, layout); }
  /// Elements in memory, the padding of blocks included.
  int64_t stored() const { return int64_t(bytes() / size_of(dtype)); }
};

/// The specs of one call, in slot order, and the checks that shape rules use.
struct Specs : std::vector<Spec> {
  const char* op;
  std::span<const Slot> slots;

  Specs(const char* op, std::span<const Slot> slots)
      : std::vector<Spec>(slots.size()), op(op), slots(slots) {}
  const Shape& shape(int slot) const { return (*this)[slot].shape; }
  bool has(int slot) const { return !(*this)[slot].absent; }
  /// An output without a shape takes this one; anything else must have it.
  void expect(int slot, const Shape& shape);
  void rank(int slot, size_t rank) const;
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    fail_with({Part("["), Part(op), Part("] "), Part(parts)...});
  }
  void require(bool holds, std::string_view message) const {
    if (!holds) fail(message);
  }
  /// Checks presence, dtypes and positive dims, before the op's own rule.
  void check_given();
  /// Checks, after the op's own rule, that shapes and dtypes are known and that layouts other than "any" fit
  /// the shapes.
  void check_settled() const;
  /// Checks that no tensor is too large in its layout.
  void check_sizes() const;
  /// Gives every slot that is still "any" the layout of `like`, or row-major if the ranks differ. If `like`
  /// is "any" too, it first takes the layout of a slot of the same shape.
  void settle_as(int like);
  /// Throws unless those of these slots that are present have the same layout.
  void same_layout(std::initializer_list<int> slots) const;
};

/// The arguments of one run: a pointer per slot (null if absent), scratch memory, and the backend's context.
struct Args {
  void* const* slot;
  void* scratch;
  const void* context = nullptr;
  template <class T>
  T* at(int i) const {
    return static_cast<T*>(slot[i]);
  }
};

class Kernel {
 public:
  explicit Kernel(Specs specs) : specs(std::move(specs)) {}
  virtual ~Kernel() = default;
  virtual void run(const Args& args) const = 0;
  Specs specs;                 // layouts settled
  size_t scratch = 0;          // bytes, 64-byte aligned
  size_t alignment = 1;        // that it requires of its tensors, in bytes
  std::string implementation;  // for people
  uint64_t home = 0;           // the only place where it can run: a unique number of the backend
};
using KernelPtr = std::unique_ptr<Kernel>;

/// A kernel that is a function over prepared values. Most are.
template <class F>
KernelPtr make_kernel(Specs specs, std::string implementation, F f, size_t scratch = 0) {
  struct Closure final : Kernel {
    Closure(Specs specs, F f) : Kernel(std::move(specs)), f(std::move(f)) {}
    void run(const Args& args) const override { f(args); }
    F f;
  };
  auto kernel = std::make_unique<Closure>(std::move(specs), std::move(f));
  kernel->implementation = std::move(implementation);
  kernel->scratch = scratch;
  return kernel;
}

}  // namespace alexnode
