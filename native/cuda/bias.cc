#include "cuda/bias.h"

#include <algorithm>
#include <cstdint>

namespace alexnode::cuda {

namespace {
constexpr const char* kTopic = "bias";
// From the shape alone: the order of the sums must not depend on the GPU.
constexpr int64_t kMostChunks = 512, kFewestRows = 256;
}  // namespace

BiasRelus::BiasRelus(const Target& target, DType dtype, int64_t rows, int64_t columns, bool relu, bool masked)
    : function_(target.function(kTopic, "bias_relu", dtype)) {
  const auto whole = int64_t(masked ? 8 : 16 / size_of(dtype));
  const int64_t pack = columns % whole == 0 ? whole : 1;
  params_ = {.y = nullptr,
             .b = nullptr,
             .mask = nullptr,
             .packs = rows * columns / pack,
             .packs_in_row = u32(columns / pack),
             .pack = u32(pack),
             .relu = relu};
  blocks_ = blocks_for(target.gpu, params_.packs, kThreads);
}

void BiasRelus::run(const Launch& launch, void* y, const float* b, uint8_t* mask) const {
  auto params = params_;
  params.y = y, params.b = b, params.mask = mask;
  launch(function_, blocks_, {kThreads}, params);
}

BitCuts::BitCuts(const Target& target, DType dtype, int64_t count)
    : function_(target.function(kTopic, "bit_cut", dtype)),
      blocks_(blocks_for(target.gpu, count / 8, kThreads)),
      bytes_(count / 8) {}

void BitCuts::run(const Launch& launch, void* x, const uint8_t* mask) const {
  launch(function_, blocks_, {kThreads}, BitCut{x, mask, bytes_});
}

BiasGradients::BiasGradients(const Target& target, DType dtype, int64_t rows, int64_t columns,
                             Scratch& scratch)
    : function_(target.function(kTopic, "column_sums", dtype)) {
  const int64_t rows_in_chunk = std::max(kFewestRows, (rows + kMostChunks - 1) / kMostChunks);
  const int64_t chunks = (rows + rows_in_chunk - 1) / rows_in_chunk;
  params_ = {.x = nullptr,
             .sums = nullptr,
             .partial = nullptr,
             .rows = rows,
             .columns = columns,
             .rows_in_chunk = rows_in_chunk,
             .chunks = u32(chunks)};
  stripes_ = {unsigned((columns + kStripe - 1) / kStripe), unsigned(chunks)};
  if (chunks == 1) return;
  partial_ = scratch.take(size_t(chunks * columns) * sizeof(float));
  end_ = target.function(kTopic, "column_sums_end");
  blocks_ = blocks_for(target.gpu, columns, kThreads);
}

void BiasGradients::run(const Launch& launch, float* db, const void* dy, const Args& args) const {
  auto params = params_;
  params.x = dy, params.sums = db;
  if (end_) params.partial = reinterpret_cast<float*>(Scratch::at(args, partial_));
  launch(function_, stripes_, {kStripe, kStripeRows}, params);
  if (end_) launch(end_, blocks_, {kThreads}, params);
}

Widening::Widening(const Target& target, DType from, int64_t count)
    : function_(target.function(kTopic, "widen", from)),
      blocks_(blocks_for(target.gpu, count, kThreads)),
      count_(count) {}

void Widening::run(const Launch& launch, float* y, const void* x) const {
  launch(function_, blocks_, {kThreads}, Widen{y, x, count_});
}

}  // namespace alexnode::cuda
