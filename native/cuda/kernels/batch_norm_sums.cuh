// How the sums of batch normalisation are added up: a warp a channel.
#pragma once
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/reduce.cuh"

namespace alexnode::cuda {

/// The sums of all segments: [C][2][segments], a warp a channel.
struct Sums {
  double sum, product;
};
ALEXNODE_DEVICE Sums add_segments(const double* sums, i64 channel, int segments) {
  const double* from = sums + channel * 2 * segments;
  double sum = 0, product = 0;
  for (int s = threadIdx.x % 32; s < segments; s += 32) sum += from[s], product += from[segments + s];
  return {warp_reduce(sum, Plus{}), warp_reduce(product, Plus{})};
}
ALEXNODE_DEVICE i64 own_warp() { return first_index() / 32; }

}  // namespace alexnode::cuda
