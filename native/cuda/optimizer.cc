// Parameter updates, and the search for numbers that are not finite: kernels/optimizer.cu.
#include "cuda/optimizer.h"

#include <algorithm>
#include <cstdint>

#include "cuda/kernels/optimizer.h"

namespace alexnode::cuda {

namespace {

/// Kernels over a table of Tensors; `row` makes one of a call.
template <class Tensor>
class Joining final : public Kernel, public Joinable {
 public:
  using Row = Tensor (*)(const Kernel&, const Args&, Half&);

  Joining(Specs specs, CUfunction function, Row row)
      : Kernel(std::move(specs)), function_(function), row_(row) {
    implementation = "kernel";
  }
  void run(const Args& args) const override {
    const JoinedCall call{this, args};
    run_joined({&call, 1}, *static_cast<const Launch*>(args.context));
  }
  bool joins(const Kernel& other) const override {
    const auto* same = dynamic_cast<const Joining*>(&other);
    return same && same->function_ == function_;
  }
  void run_joined(std::span<const JoinedCall> calls, const Launch& launch) const override {
    while (!calls.empty()) {
      const auto some = calls.first(std::min<size_t>(calls.size(), kJoined));
      calls = calls.subspan(some.size());
      Joined<Tensor> p{};
      u32 blocks = 0;
      for (const auto& [kernel, args] : some) {
        const i32 i = p.tensors++;
        p.tensor[i] = row_(*kernel, args, p.half[i]);
        p.first_block[i] = blocks;
        blocks += u32((p.tensor[i].count + kChunk - 1) / kChunk);
      }
      launch(function_, {blocks}, {256}, p);
    }
  }

 private:
  CUfunction function_;
  Row row_;
};

Half half_of(const Spec& w16) {
  if (w16.absent) return Half::none;
  return w16.dtype == DType::bf16 ? Half::bf16 : Half::f16;
}

UpdatedTensor sgd_row(const Kernel& kernel, const Args& a, Half& half) {
  using Op = Sgd;
  half = half_of(kernel.specs[Op::W16]);
  return {a.at<float>(Op::W),      a.at<float>(Op::V),          nullptr,
          a.at<void>(Op::W16),     a.at<const float>(Op::G),    a.at<const float>(Op::Hyper),
          a.at<const i32>(Op::Ok), a.at<const float>(Op::Clip), kernel.specs[Op::W].stored()};
}

UpdatedTensor adam_row(const Kernel& kernel, const Args& a, Half& half) {
  using Op = Adam;
  half = half_of(kernel.specs[Op::W16]);
  return {a.at<float>(Op::W),      a.at<float>(Op::V),          a.at<float>(Op::M),
          a.at<void>(Op::W16),     a.at<const float>(Op::G),    a.at<const float>(Op::Hyper),
          a.at<const i32>(Op::Ok), a.at<const float>(Op::Clip), kernel.specs[Op::W].stored()};
}

AveragedTensor average_row(const Kernel& kernel, const Args& a, Half&) {
  using Op = Average;
  return {a.at<float>(Op::Y), a.at<const float>(Op::W), a.at<const float>(Op::Decay), a.at<const i32>(Op::Ok),
          kernel.specs[Op::Y].stored()};
}

CheckedTensor finite_row(const Kernel& kernel, const Args& a, Half&) {
  const auto& x = kernel.specs[Finite::X];
  const u32 exponent = x.dtype == DType::f32 ? 0x7f800000 : x.dtype == DType::bf16 ? 0x7f80 : 0x7c00;
  return {a.at<const void>(Finite::X), a.at<i32>(Finite::Ok), x.stored(), exponent, u32(size_of(x.dtype))};
}

}  // namespace

KernelPtr make(const Sgd& f, Specs specs, const Target& target) {
  specs.settle_as(Sgd::W);
  specs.same_layout({Sgd::W, Sgd::V, Sgd::W16, Sgd::G});
  const char* name = f.rate_in_velocity ? "sgd_rate_in_velocity" : f.nesterov ? "sgd_nesterov" : "sgd";
  return std::make_unique<Joining<UpdatedTensor>>(std::move(specs), target.function("optimizer", name),
                                                  sgd_row);
}

KernelPtr make(const Adam&, Specs specs, const Target& target) {
  using Op = Adam;
  specs.settle_as(Op::W);
  specs.same_layout({Op::W, Op::M, Op::V, Op::W16, Op::G});
  return std::make_unique<Joining<UpdatedTensor>>(std::move(specs), target.function("optimizer", "adam"),
                                                  adam_row);
}

KernelPtr make(const Average&, Specs specs, const Target& target) {
  using Op = Average;
  specs.settle_as(Op::Y);
  specs.same_layout({Op::Y, Op::W});
  return std::make_unique<Joining<AveragedTensor>>(std::move(specs), target.function("optimizer", "average"),
                                                   average_row);
}

KernelPtr make(const Norm&, Specs specs, const Target& target) {
  using Op = Norm;
  specs.settle_as(Op::X);
  const auto sums = target.function("optimizer", "square_sums"), norm = target.function("optimizer", "norm");
  const i64 count = specs[Op::X].stored(), pieces = (count + kSummed - 1) / kSummed;
  const auto run = [=](const Args& a, const Launch& launch) {
    auto* each = static_cast<double*>(a.scratch);
    launch(sums, {unsigned(pieces)}, {256}, SquareSumsParams{each, a.at<const float>(Op::X), count});
    launch(norm, {1}, {256}, NormParams{a.at<float>(Op::Result), each, a.at<const float>(Op::With), pieces});
  };
  return make_launch(std::move(specs), "kernel", run, size_t(pieces) * sizeof(double));
}

KernelPtr make(const ClipFactor&, Specs specs, const Target& target) {
  using Op = ClipFactor;
  specs.settle_as(Op::Norm);
  const auto function = target.function("optimizer", "clip_factor");
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(
        function, {1}, {1},
        ClipFactorParams{a.at<float>(Op::Clip), a.at<const float>(Op::Norm), a.at<const float>(Op::Hyper)});
  });
}

KernelPtr make(const Finite&, Specs specs, const Target& target) {
  specs.settle_as(Finite::X);
  return std::make_unique<Joining<CheckedTensor>>(std::move(specs),
                                                  target.function("optimizer", "check_finite"), finite_row);
}

KernelPtr make(const Agree&, Specs specs, const Target& target) {
  specs.settle_as(Agree::X);
  const auto function = target.function("optimizer", "agree");
  return make_launch(std::move(specs), "kernel", [=](const Args& a, const Launch& launch) {
    launch(function, {1}, {1}, AgreeParams{a.at<i32>(Agree::Ok), a.at<const i32>(Agree::X)});
  });
}

}  // namespace alexnode::cuda
