#include "cuda/disk_cache.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace alexnode::cuda {

namespace fs = std::filesystem;

namespace {

fs::path folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value ? fs::path(value) : fs::path();
  };
  if (const auto own = variable("ALEXNODE_CACHE"); !own.empty()) return own;
  if (const auto cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "alexnode";
  if (const auto home = variable("HOME"); !home.empty()) return home / ".cache" / "alexnode";
  return {};
}

uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

/// The file holds the key itself, to tell keys of equal hash apart and to detect a truncated file.
std::string header(std::string_view key, std::string_view bytes) {
  std::ostringstream out;
  out << "alexnode 1\n" << key.size() << ' ' << bytes.size() << ' ' << fnv1a(bytes) << '\n' << key << '\n';
  return out.str();
}

fs::path entry_file(std::string_view kind, std::string_view key) {
  const auto in = folder();
  if (in.empty()) return {};
  char name[17];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(fnv1a(key)));
  return in / kind / name;
}

}  // namespace

std::optional<std::string> load_cached(std::string_view kind, std::string_view key) {
  const auto file = entry_file(kind, key);
  std::ifstream in(file, std::ios::binary);
  if (file.empty() || !in) return {};
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  const auto at = all.find('\n' + std::string(key) + '\n');
  if (at == std::string::npos) return {};
  auto bytes = all.substr(at + key.size() + 2);
  if (all.compare(0, at + key.size() + 2, header(key, bytes)) != 0) return {};
  return bytes;
}

void store_cached(std::string_view kind, std::string_view key, std::string_view bytes) {
  const auto file = entry_file(kind, key);
  if (file.empty()) return;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) return;
  static std::atomic<int> writes{0};
  auto temporary = file;
  temporary += "." + std::to_string(getpid()) + "." + std::to_string(writes++);
  {
    std::ofstream out(temporary, std::ios::binary);
    out << header(key, bytes) << bytes;
    if (!out.flush()) error = std::make_error_code(std::errc::io_error);
  }
  if (!error) fs::rename(temporary, file, error);
  if (error) fs::remove(temporary, error);
}

}  // namespace alexnode::cuda
