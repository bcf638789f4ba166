// Runs of random numbers, in vector code.
#pragma once
#include <cstdint>

#include "philox4x32.h"

namespace alexnode::cpu {

/// Indices are drawn in fours, so runs start anywhere but are drawn from a multiple of 4 on.
constexpr int64_t kDraw = 256;

/// out[i] = word of index first + i, for i < n ≤ kDraw.
void draw_words(uint32_t* out, int64_t n, const PhiloxKey& key, uint64_t first);
/// y[i] = low + (high - low) · uniform of index first + i, for i < n ≤ kDraw.
void draw_uniform(float* y, int64_t n, const PhiloxKey& key, uint64_t first, float low, float high);
/// y[i] = mean + std · normal of index first + i, for i < n ≤ kDraw.
void draw_normal(float* y, int64_t n, const PhiloxKey& key, uint64_t first, float mean, float std);

}  // namespace alexnode::cpu
