#include "cuda/choices.h"

#include "cuda/disk_cache.h"

namespace alexnode::cuda {

namespace {
constexpr const char* kKind = "choice";
}

std::optional<std::string> Choices::find(const std::string& key) {
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  auto stored = load_cached(kKind, key);
  if (stored) known_[key] = *stored;
  return stored;
}

void Choices::keep(const std::string& key, const std::string& choice) {
  known_[key] = choice;
  store_cached(kKind, key, choice);
}

}  // namespace alexnode::cuda
