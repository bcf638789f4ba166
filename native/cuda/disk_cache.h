// What was compiled or timed once, kept on disk for the next process: compiled kernels, chosen algorithms.
// Files lie in $XDG_CACHE_HOME/alexnode, ~/.cache/alexnode, or ALEXNODE_CACHE; where none can be written, all
// works without.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace alexnode::cuda {

/// What was stored under the key, whole, or nothing.
std::optional<std::string> load_cached(std::string_view kind, std::string_view key);
/// Never throws; of several writers at once the last one wins.
void store_cached(std::string_view kind, std::string_view key, std::string_view bytes);

}  // namespace alexnode::cuda
