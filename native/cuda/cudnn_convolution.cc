// The choice of an algorithm of cuDNN's legacy API. Heuristics list algorithms by expected speed. The first
// few that fit into the planned workspace are timed, once per shape; one that fails is skipped. An earlier
// choice is run once as well, so that cuDNN loads its kernels before a stream is captured. With
// `deterministic` nothing is timed, because timing may decide otherwise in the next run: the first
// deterministic algorithm of the list that runs is taken.
#include "cuda/cudnn_convolution.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <vector>

#include "cuda/cudnn_convolution_calls.h"
#include "cuda/errors.h"
#include "cuda/timing.h"

namespace alexnode::cuda {

namespace {

/// The largest workspace; less if the GPU's memory is small.
constexpr size_t kMostWorkspace = size_t(256) << 20;
constexpr int kTimed = 4, kTimedRuns = 3;

using Status = ConvolutionCalls::Status;

struct Algorithm {
  int number = 0, math = 0;
  size_t workspace = 0;
};

bool unsupported(Status status) {
  return (status >= kCudnnNotSupported && status < kCudnnNotSupportedEnd) ||
         status == kCudnnCompilationFailed;
}

class Legacy final : public Convolution {
 public:
  Legacy(const ConvolutionShape& shape, const Target& target) : shape_(shape), calls_(shape, target) {
    calls_.set_math(target, asked_math(target));
    algorithm_ = choose(target);
    calls_.set_math(target, algorithm_.math);
    workspace = algorithm_.workspace;
    description = text("cudnn ", name_of(shape.pass), " ", algorithm_.number);
  }

  void run(const Launch& launch, void* to, const void* a, const void* b, void* at) const override {
    check_cudnn(launch.libraries, start(launch, algorithm_, to, a, b, at), calls_.start_name());
  }

 private:
  Status start(const Launch& launch, const Algorithm& algorithm, void* to, const void* a, const void* b,
               void* at) const {
    return calls_.start(launch, algorithm.number, to, a, b, at, algorithm.workspace);
  }

  /// f32 stays f32 unless TF32 was chosen.
  int asked_math(const Target& target) const {
    if (shape_.dtype != DType::f32) return kCudnnTensorOpMath;
    return target.options.tf32 ? kCudnnDefaultMath : kCudnnFmaMath;
  }

  std::string key(const Target& target, size_t limit) const {
    std::ostringstream out;
    out << "convolution " << name_of(shape_.pass) << " on " << target.gpu.name << " cudnn "
        << target.libraries.cudnn.cudnnGetVersion() << " " << alexnode::name_of(shape_.dtype) << " math "
        << asked_math(target) << " within " << limit;
    for (const auto* dims : {&shape_.x, &shape_.w, &shape_.y}) {
      out << " /";
      for (const auto d : *dims) out << " " << d;
    }
    for (const auto* pair : {&shape_.padding, &shape_.stride, &shape_.dilation})
      out << " / " << (*pair)[0] << " " << (*pair)[1];
    out << " / " << shape_.groups;
    return out.str();
  }

  /// Whether a trial call succeeded. The first error is kept, to be thrown if no algorithm is left. Throws if
  /// the GPU is lost.
  bool went_well(const Target& target, Status status, const char* call) {
    if (!status || unsupported(status)) return !status;
    try {
      check_cudnn(target.libraries, status, call);
    } catch (const Error& e) {
      refuse_when_lost();
      if (failure_.empty()) failure_ = e.what();
    }
    return false;
  }

  /// Asks for the workspace; nothing if the algorithm does not support this shape.
  std::optional<Algorithm> with_workspace(const Target& target, int number, int math) {
    calls_.set_math(target, math);
    Algorithm a{number, math};
    const Status status = calls_.measure(target.launch, number, &a.workspace);
    return went_well(target, status, calls_.measure_name()) ? std::optional(a) : std::nullopt;
  }

  /// The algorithms that cuDNN offers and that fit into `limit`, in its order.
  std::vector<Algorithm> candidates(const Target& target, size_t limit) {
    calls_.set_math(target, asked_math(target));
    std::array<CudnnAlgorithm, 2 * kCudnnForwardCount> offers{};
    int found = 0;
    check_cudnn(target.libraries, calls_.list(target.launch, int(offers.size()), &found, offers.data()),
                calls_.list_name());
    std::vector<Algorithm> fit, large;
    for (const auto& offer : std::span(offers).first(size_t(found))) {
      if (offer.status || (target.options.deterministic && offer.determinism != kCudnnDeterministic))
        continue;
      const bool exact = asked_math(target) == kCudnnFmaMath;
      if (const auto a = with_workspace(target, offer.algorithm, exact ? kCudnnFmaMath : offer.math))
        (a->workspace <= limit ? fit : large).push_back(*a);
    }
    std::stable_sort(large.begin(), large.end(),
                     [](const Algorithm& a, const Algorithm& b) { return a.workspace < b.workspace; });
    // One that is too large is better than none.
    if (fit.empty() && !large.empty()) fit.push_back(large.front());
    return fit;
  }

  Algorithm choose(const Target& target) {
    const size_t limit = std::min(kMostWorkspace, target.gpu.memory / 32);
    const auto kept = key(target, limit);
    const bool keep = target.choices && !target.options.deterministic;
    if (keep)
      if (const auto known = target.choices->find(kept))
        if (const auto a = parse(target, *known, limit); a && fastest(target, {*a})) return *a;
    const auto all = candidates(target, limit);
    const auto best = fastest(target, all);
    if (!best && !failure_.empty()) throw Error(failure_);
    if (!best)
      fail("[cuda] cuDNN has no ", target.options.deterministic ? "deterministic " : "",
           "algorithm for this convolution (", name_of(shape_.pass), ", ", alexnode::name_of(shape_.dtype),
           "). Install a newer cuDNN, or use another dtype or shape");
    if (keep) target.choices->keep(kept, text(best->number, " ", best->math));
    return *best;
  }

  /// An earlier choice, unless cuDNN no longer accepts it.
  std::optional<Algorithm> parse(const Target& target, const std::string& choice, size_t limit) {
    std::istringstream in(choice);
    int number = -1, math = -1;
    if (!(in >> number >> math) || number < 0 || number >= kCudnnForwardCount || math < 0 ||
        math > kCudnnFmaMath)
      return std::nullopt;
    const auto a = with_workspace(target, number, math);
    return a && a->workspace <= std::max(limit, size_t(1)) ? a : std::nullopt;
  }

  /// The fastest of the first few that run; with `deterministic`, or without memory to try them in, the
  /// first.
  std::optional<Algorithm> fastest(const Target& target, const std::vector<Algorithm>& all) {
    if (all.empty()) return std::nullopt;
    const auto bytes = [&](const Int4& d) {
      return size_t(d[0] * d[1] * d[2] * d[3]) * size_of(shape_.dtype);
    };
    size_t largest = 0;
    for (const auto& a : all) largest = std::max(largest, a.workspace);
    const Temporary x(target, bytes(shape_.x)), w(target, bytes(shape_.w)), y(target, bytes(shape_.y)),
        at(target, largest);
    if (!x || !w || !y || !at) return all.front();
    const auto [to, a, b] = arguments(x.data(), w.data(), y.data());
    Clock clock(target.launch);
    std::optional<Algorithm> best;
    float least = std::numeric_limits<float>::infinity();
    int tried = 0;
    for (const auto& candidate : all) {
      calls_.set_math(target, candidate.math);
      const auto runs = [&, &to = to, &a = a, &b = b](int times) {
        for (int i = 0; i < times; i++) {
          const Status status = start(target.launch, candidate, to, a, b, at.data());
          if (!went_well(target, status, calls_.start_name())) return false;
        }
        return true;
      };
      if (!runs(1)) continue;
      if (target.options.deterministic || all.size() == 1) return candidate;
      clock.start();
      const bool well = runs(kTimedRuns);
      const float milliseconds = clock.stop();
      if (well && milliseconds < least) least = milliseconds, best = candidate;
      if (++tried == kTimed) break;
    }
    return best;
  }

  struct Arguments {
    void* to;
    const void *a, *b;
  };
  Arguments arguments(void* x, void* w, void* y) const {
    switch (shape_.pass) {
      case ConvolutionPass::forward:
        return {y, x, w};
      case ConvolutionPass::backward_data:
        return {x, y, w};
      case ConvolutionPass::backward_weights:
        break;
    }
    return {w, x, y};
  }

  ConvolutionShape shape_;
  ConvolutionCalls calls_;
  Algorithm algorithm_;
  std::string failure_;  // of the first algorithm that failed
};

}  // namespace

std::shared_ptr<const Convolution> make_convolution(const ConvolutionShape& shape, const Target& target) {
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  for (const auto* d : {&shape.x, &shape.y, &shape.w})
    if ((*d)[0] * (*d)[1] * (*d)[2] * (*d)[3] > kMost)
      fail("[cuda] cuDNN convolves tensors of at most 2^31 - 1 numbers, got one of ", (*d)[0], " × ", (*d)[1],
           " × ", (*d)[2], " × ", (*d)[3], ". Use a smaller batch or image");
  return std::make_shared<Legacy>(shape, target);
}

}  // namespace alexnode::cuda
