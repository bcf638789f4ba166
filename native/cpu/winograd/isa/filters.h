// Filters to planes of transformed values, and their gradients back.
#pragma once

#include <cstdint>

#include "cpu/winograd/isa/transforms.h"

namespace alexnode::cpu::winograd {
namespace {

template <int M, int R>
void filters(Planes u, const Filters& w, Range rows, Range octets) {
  constexpr int size = M + R - 1, taps = R * R;
  for (int64_t c = rows.begin; c < rows.end; ++c) {
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      const int64_t start = q * octet * w.column + c * w.row;
      Vec x[taps], half[size * R];
      for (int tap = 0; tap < taps; ++tap) {
        const int64_t from = start + (w.flipped ? taps - 1 - tap : tap);
        for (int lane = 0; lane < octet; ++lane) {
          const int64_t one = from + lane * w.column;
          x[tap][lane] = w.bf16 ? widen(static_cast<const uint16_t*>(w.data)[one])
                                : static_cast<const float*>(w.data)[one];
        }
      }
      for (int j = 0; j < R; ++j) {
        Vec column[R], y[size];
        for (int i = 0; i < R; ++i) column[i] = x[i * R + j];
        expand<G<M, R>, size, R>(y, column);
        for (int i = 0; i < size; ++i) half[i * R + j] = y[i];
      }
      float* to = u.at(c, q);
      for (int i = 0; i < size; ++i) {
        Vec y[size];
        expand<G<M, R>, size, R>(y, half + i * R);
        for (int j = 0; j < size; ++j) store(to + (i * size + j) * u.plane, y[j]);
      }
    }
  }
}

template <int M, int R>
void filters_adjoint(Planes u, const Filters& w, Range rows, Range octets) {
  constexpr int size = M + R - 1;
  for (int64_t c = rows.begin; c < rows.end; ++c) {
    for (int64_t q = octets.begin; q < octets.end; ++q) {
      Vec half[R * size];
      const float* from = u.at(c, q);
      for (int j = 0; j < size; ++j) {
        Vec x[size], y[R];
        for (int i = 0; i < size; ++i) x[i] = load(from + (i * size + j) * u.plane);
        contract<G<M, R>, size, R>(y, x);
        for (int i = 0; i < R; ++i) half[i * size + j] = y[i];
      }
      float* to = static_cast<float*>(w.data) + q * octet * w.column + c * w.row;
      for (int i = 0; i < R; ++i) {
        Vec y[R];
        contract<G<M, R>, size, R>(y, half + i * size);
        for (int j = 0; j < R; ++j) {
          for (int lane = 0; lane < octet; ++lane) to[lane * w.column + i * R + j] = y[j][lane];
        }
      }
    }
  }
}

}  // namespace
}  // namespace alexnode::cpu::winograd
