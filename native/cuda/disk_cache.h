// Keeps compiled kernels and chosen algorithms on disk for the next process. Files lie in
// $XDG_CACHE_HOME/alexnode, ~/.cache/alexnode, or ALEXNODE_CACHE; if none can be written, everything works
// without.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace alexnode::cuda {

/// The complete value stored under the key, or nothing.
std::optional<std::string> load_cached(std::string_view kind, std::string_view key);
/// Never throws; of several writers at once the last one wins.
void store_cached(std::string_view kind, std::string_view key, std::string_view bytes);

}  // namespace alexnode::cuda
