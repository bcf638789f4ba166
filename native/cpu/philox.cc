// Compiled with -ffp-contract=off, so that AVX-512, AVX2 and everything else give the same bits.
#include "cpu/philox.h"

#include <algorithm>
#include <cstdint>

#include "cpu/simd/simd.h"

namespace alexnode::cpu {

namespace {
/// `blocks` fours of words from index 4·block on, for blocks ≤ kDraw / 4 + 1.
ALEXNODE_CLONES void draw_blocks(uint32_t* out, int64_t blocks, PhiloxKey key, uint64_t block) {
#pragma omp simd
  for (int64_t i = 0; i < blocks; i++) philox(key, block + uint64_t(i), out + 4 * i);
}

ALEXNODE_CLONES void uniform_of(float* y, const uint32_t* words, int64_t n, float low, float high) {
  for (int64_t i = 0; i < n; i++) y[i] = to_uniform(words[i], low, high);
}

/// Pairs of words to pairs of numbers.
ALEXNODE_CLONES void normal_of(float* y, const uint32_t* words, int64_t pairs, float mean, float std) {
#pragma omp simd
  for (int64_t i = 0; i < pairs; i++)
    to_normal(words[2 * i], words[2 * i + 1], mean, std, y[2 * i], y[2 * i + 1]);
}
}  // namespace

void draw_words(uint32_t* out, int64_t n, const PhiloxKey& key, uint64_t first) {
  const auto skip = int64_t(first % 4);
  uint32_t words[kDraw + 4];
  draw_blocks(words, (skip + n + 3) / 4, key, first / 4);
  std::copy_n(words + skip, n, out);
}

void draw_uniform(float* y, int64_t n, const PhiloxKey& key, uint64_t first, float low, float high) {
  uint32_t words[kDraw];
  draw_words(words, n, key, first);
  uniform_of(y, words, n, low, high);
}

void draw_normal(float* y, int64_t n, const PhiloxKey& key, uint64_t first, float mean, float std) {
  const auto skip = int64_t(first % 4);
  const int64_t blocks = (skip + n + 3) / 4;
  uint32_t words[kDraw + 8];
  float numbers[kDraw + 8];
  draw_blocks(words, blocks, key, first / 4);
  normal_of(numbers, words, 2 * blocks, mean, std);
  std::copy_n(numbers + skip, n, y);
}

}  // namespace alexnode::cpu
