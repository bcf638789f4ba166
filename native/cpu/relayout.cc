#include "cpu/relayout.h"

#include <algorithm>

#include "cpu/kernels.h"
#include "cpu/loops.h"

namespace alexnode::cpu {

namespace {

struct Copy {
  int slot;
  KernelPtr reorder;
  size_t at;  // in scratch, where the inner kernel's tensor lies
};

constexpr size_t kMostSlots = 16;  // of any op

class Relayout final : public Kernel {
 public:
  Relayout(Specs given, KernelPtr kernel) : Kernel(std::move(given)), inner_(std::move(kernel)) {
    size_t at = 0, largest = inner_->scratch;
    for (int i = 0; i < int(specs.size()); i++) {
      auto& outer = specs[i];
      const auto& inner = inner_->specs[i];
      if (outer.absent) continue;
      if (outer.layout == "any") outer.layout = inner.layout;
      if (outer.layout == inner.layout && outer.dtype == inner.dtype) continue;
      Specs pair(Reorder::name, Reorder::slots);
      const bool out = specs.slots[i].role == Role::out;
      pair[Reorder::Y] = out ? outer : inner, pair[Reorder::X] = out ? inner : outer;
      Copy copy{i, make(Reorder{}, std::move(pair)), at};
      at += align(inner.bytes());
      largest = std::max(largest, copy.reorder->scratch);
      (out ? after_ : before_).push_back(std::move(copy));
    }
    rest_ = at;
    scratch = at + largest;
    implementation = inner_->implementation + " between reorders";
  }

  void run(const Args& args) const override {
    auto* memory = static_cast<std::byte*>(args.scratch);
    void* pointers[kMostSlots];
    std::copy(args.slot, args.slot + specs.size(), pointers);
    for (const auto& c : before_) {
      void* pair[] = {pointers[c.slot] = memory + c.at, args.slot[c.slot]};
      c.reorder->run({pair, memory + rest_});
    }
    for (const auto& c : after_) pointers[c.slot] = memory + c.at;
    inner_->run({pointers, memory + rest_});
    for (const auto& c : after_) {
      void* pair[] = {args.slot[c.slot], pointers[c.slot]};
      c.reorder->run({pair, memory + rest_});
    }
  }

 private:
  KernelPtr inner_;
  std::vector<Copy> before_, after_;
  size_t rest_;
};

}  // namespace

KernelPtr relayout(Specs specs, KernelPtr inner) {
  return std::make_unique<Relayout>(std::move(specs), std::move(inner));
}

}  // namespace alexnode::cpu
