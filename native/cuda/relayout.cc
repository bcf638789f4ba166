#include "cuda/relayout.h"

#include <algorithm>

#include "cuda/scratch.h"

namespace alexnode::cuda {

namespace {

struct Copy {
  int slot;
  KernelPtr reorder;
  size_t at;  // in scratch, where the inner kernel's tensor lies
};

constexpr size_t kMostSlots = 16;  // of any op

class Relayout final : public Kernel {
 public:
  Relayout(Specs given, KernelPtr kernel, const Target& target)
      : Kernel(std::move(given)), inner_(std::move(kernel)) {
    KernelPtr (*make_reorder)(const Reorder&, Specs, const Target&) = &make;
    if (!make_reorder) specs.fail("needs reorder, which cuda has no implementation of");
    Scratch parts;
    size_t rest = inner_->scratch;
    for (int i = 0; i < int(specs.size()); i++) {
      auto& outer = specs[i];
      const auto& inner = inner_->specs[i];
      if (outer.absent) continue;
      if (outer.layout == "any") outer.layout = inner.layout;
      if (outer.layout == inner.layout) continue;
      Specs pair(Reorder::name, Reorder::slots);
      const bool out = specs.slots[i].role == Role::out;
      pair[Reorder::Y] = out ? outer : inner, pair[Reorder::X] = out ? inner : outer;
      Copy copy{i, make_reorder(Reorder{}, std::move(pair), target), parts.take(inner.bytes())};
      rest = std::max(rest, copy.reorder->scratch);
      (out ? after_ : before_).push_back(std::move(copy));
    }
    rest_ = parts.take(rest);
    scratch = parts.bytes();
    implementation = inner_->implementation + " between reorders";
    alignment = inner_->alignment;
  }

  void run(const Args& args) const override {
    auto* rest = Scratch::at(args, rest_);
    void* pointers[kMostSlots];
    std::copy(args.slot, args.slot + specs.size(), pointers);
    for (const auto& c : before_) {
      void* pair[] = {pointers[c.slot] = Scratch::at(args, c.at), args.slot[c.slot]};
      c.reorder->run({pair, rest, args.context});
    }
    for (const auto& c : after_) pointers[c.slot] = Scratch::at(args, c.at);
    inner_->run({pointers, rest, args.context});
    for (const auto& c : after_) {
      void* pair[] = {args.slot[c.slot], pointers[c.slot]};
      c.reorder->run({pair, rest, args.context});
    }
  }

 private:
  KernelPtr inner_;
  std::vector<Copy> before_, after_;
  size_t rest_ = 0;
};

}  // namespace

KernelPtr in_layouts(Specs given, std::initializer_list<Wanted> wanted, const Target& target,
                     const std::function<KernelPtr(Specs)>& make_in) {
  bool differs = false;
  Specs inner = given;
  for (const auto& [slot, layout] : wanted) {
    if (!given.has(slot)) continue;
    differs |= given[slot].layout != "any" && given[slot].layout != layout;
    inner[slot].layout = layout;
  }
  auto kernel = make_in(std::move(inner));
  if (!differs) return kernel;
  return std::make_unique<Relayout>(std::move(given), std::move(kernel), target);
}

}  // namespace alexnode::cuda
