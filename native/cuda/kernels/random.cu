// Dropout, random fills, and the step of the random state. What is drawn for an element depends on its place
// in the whole net's tensor, never on its place in memory. A thread draws four numbers, which is what one
// Philox counter gives.
#include "cuda/kernels/device.cuh"
#include "cuda/kernels/lanes.cuh"
#include "cuda/kernels/random.h"
#include "philox4x32.h"

namespace alexnode::cuda {

ALEXNODE_DEVICE PhiloxKey key_of(const u32* rng, u32 purpose) { return {rng[0], rng[1], rng[2], purpose}; }

ALEXNODE_DEVICE float keep(float x, u32 word, float rate, float scale) {
  return to_uniform(word) >= rate ? scale * x : 0.f;
}

template <class T>
ALEXNODE_DEVICE void dropout(const DropoutParams& p) {
  using Four = Lanes<T, 4>;
  const auto key = key_of(p.rng, p.purpose);
  const i64 first_sample = p.rng[3], draws = (p.length + 6) / 4;  // wherever in its four a run begins
  for (i64 item = first_index(); item < p.runs * draws; item += index_step()) {
    const i64 run = p.runs == 1 ? 0 : item / draws, draw = item - run * draws;
    const i64 first = (first_sample + run) * p.sample + p.offset, i = 4 * draw - (first & 3);
    if (i >= p.length) continue;
    u32 words[4];
    philox(key, u64(first / 4 + draw), words);
    T* y = static_cast<T*>(p.y) + run * p.length + i;
    const T* x = static_cast<const T*>(p.x) + run * p.length + i;
    if (i >= 0 && i + 4 <= p.length && aligned(y, sizeof(Four)) && aligned(x, sizeof(Four))) {
      const Four four = *reinterpret_cast<const Four*>(x);
      Four kept;
      for (int l = 0; l < 4; l++) kept.lane[l] = keep(four.lane[l], words[l], p.rate, p.scale);
      put(y, kept);
      continue;
    }
    for (int l = 0; l < 4; l++)
      if (i + l >= 0 && i + l < p.length) y[l] = keep(x[l], words[l], p.rate, p.scale);
  }
}

/// Neighbouring threads take channels that lie side by side, four pixels each.
template <class T>
ALEXNODE_DEVICE void strided_dropout(const DropoutParams& p) {
  const auto& v = p.image;
  const auto key = key_of(p.rng, p.purpose);
  const i64 first_sample = p.rng[3], draws = (v.pixels + 6) / 4, blocks = (v.c + v.block - 1) / v.block;
  for (i64 item = first_index(); item < v.n * blocks * draws * v.block; item += index_step()) {
    const i64 lane = item % v.block, draw = item / v.block % draws, chunk = item / v.block / draws;
    const i64 n = chunk / blocks, b = chunk % blocks, channel = b * v.block + lane;
    const i64 first = (first_sample + n) * p.sample + p.offset + channel * v.pixels;
    const i64 pixel = 4 * draw - (first & 3);
    u32 words[4];
    philox(key, u64(first / 4 + draw), words);
    const i64 at = n * v.image_stride + b * v.block_stride + pixel * v.pixel_stride + lane;
    for (int l = 0; l < 4; l++) {
      if (pixel + l < 0 || pixel + l >= v.pixels) continue;
      const i64 i = at + l * v.pixel_stride;
      const float kept = keep(static_cast<const T*>(p.x)[i], words[l], p.rate, p.scale);
      static_cast<T*>(p.y)[i] = channel < v.c ? kept : 0.f;
    }
  }
}

/// draw(words, numbers), four of each, for every four elements of y.
template <class T, class F>
ALEXNODE_DEVICE void fill(const RandomFillParams& p, F draw) {
  using Four = Lanes<T, 4>;
  const auto key = key_of(p.rng, p.purpose);
  const bool at_once = aligned(p.y, sizeof(Four));
  for (i64 item = first_index(); item < (p.count + 3) / 4; item += index_step()) {
    u32 words[4];
    float numbers[4];
    philox(key, u64(item), words);
    draw(words, numbers);
    T* y = static_cast<T*>(p.y) + 4 * item;
    if (at_once && 4 * item + 4 <= p.count) {
      Four four;
      for (int l = 0; l < 4; l++) four.lane[l] = numbers[l];
      put(y, four);
    } else {
      for (int l = 0; l < 4; l++)
        if (4 * item + l < p.count) y[l] = numbers[l];
    }
  }
}

template <class T>
ALEXNODE_DEVICE void fill_uniform(const RandomFillParams& p) {
  fill<T>(p, [&](const u32* words, float* numbers) {
    for (int l = 0; l < 4; l++) numbers[l] = to_uniform(words[l], p.low_or_mean, p.high_or_std);
  });
}

template <class T>
ALEXNODE_DEVICE void fill_normal(const RandomFillParams& p) {
  fill<T>(p, [&](const u32* words, float* numbers) {
    for (int l = 0; l < 4; l += 2)
      to_normal(words[l], words[l + 1], p.low_or_mean, p.high_or_std, numbers[l], numbers[l + 1]);
  });
}

#define KERNELS(suffix, T)                                                            \
  ALEXNODE_KERNEL(dropout_##suffix, DropoutParams) { dropout<T>(p); }                 \
  ALEXNODE_KERNEL(strided_dropout_##suffix, DropoutParams) { strided_dropout<T>(p); } \
  ALEXNODE_KERNEL(fill_uniform_##suffix, RandomFillParams) { fill_uniform<T>(p); }    \
  ALEXNODE_KERNEL(fill_normal_##suffix, RandomFillParams) { fill_normal<T>(p); }
ALEXNODE_FLOATS(KERNELS)

/// One thread.
ALEXNODE_KERNEL(advance, AdvanceParams) { p.rng[2] += p.by; }

}  // namespace alexnode::cuda
