// How a reorder finds the place in x of every element of y.
#pragma once
#include <optional>

#include "cuda/kernel.h"
#include "cuda/kernels/move.h"

namespace alexnode::cuda {

/// A walk over the digits of y. Nothing if no such walk finds the places in x.
std::optional<ReorderParams> plan_reorder(const Spec& x, const Spec& y);

/// Whether this digit of y adds a plain stride to the place in x.
bool is_plain(const ReorderParams& p, int digit);

/// The same as a transposition: rows of x are columns of y, in batches or not, and neither is so short that
/// tiles stay empty.
std::optional<TransposeParams> as_transposition(const ReorderParams& p);

}  // namespace alexnode::cuda
