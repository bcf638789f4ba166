// The order of places: the person's own, what the process has open already, those of Python and the toolkit,
// then the system's.
#include "cuda/libraries/opener.h"

#include <array>
#include <filesystem>

#include "error.h"

namespace alexnode::cuda {

namespace fs = std::filesystem;

std::string dotted(std::initializer_list<int> numbers) {
  std::string out;
  for (const int n : numbers) out += (out.empty() ? "" : ".") + std::to_string(n);
  return out;
}

/// Opens one file, known by its path or by a bare name.
void* Opener::try_open(LibraryReport& r, const std::string& path) const {
  announce(r, "open", path);
  std::string error;
  void* handle = open_shared(path, error);
  if (handle)
    r.path = path;
  else {
    r.state = State::broken;
    r.error = error;
    r.tried.push_back({path, error});
  }
  return handle;
}

bool Opener::is_refused(LibraryReport& r) const {
  const auto found = refused_.find(r.file);
  if (found == refused_.end()) return false;
  r.state = State::broken;
  r.error = found->second;
  return true;
}

void* Opener::try_folders(LibraryReport& r, const std::vector<std::string>& folders) const {
  for (const auto& folder : folders) {
    const auto path = fs::path(folder) / r.file;
    std::error_code e;
    if (!fs::exists(path, e)) continue;
    if (void* handle = try_open(r, path.string())) return handle;
  }
  return nullptr;
}

void* Opener::find(LibraryReport& r) const {
  if (is_refused(r)) return nullptr;
  if (void* handle = try_folders(r, places_.ours)) return handle;
  if (void* handle = already_open(r.file)) return handle;
  if (void* handle = try_folders(r, places_.known)) return handle;
  // "No such file" from the system's places must not replace the error of a file that exists.
  const bool before = !r.tried.empty();
  const auto error = r.error;
  if (void* handle = try_open(r, r.file)) return handle;
  if (before) {
    r.error = error;
    r.tried.pop_back();
  } else if (r.error.starts_with(r.file + ":")) {
    r.state = State::missing;
  }
  return nullptr;
}

void Opener::open_beside(LibraryReport& r, const std::string& other) const {
  if (is_refused(r)) return;
  const auto folder = fs::path(other).parent_path();
  const auto path = folder / r.file;
  std::error_code e;
  if (!fs::exists(path, e))
    r.error = text(r.file, " is not in ", folder.string());
  else if (try_open(r, path.string()))
    r.state = State::ready;
}

void Opener::note_failure(LibraryReport& r, const char* name, int error, const char* words) {
  r.state = State::broken;
  r.error = text(name, " failed with ", error, words ? text(" (", words, ")") : "");
}

bool Opener::ask_version(LibraryReport& r, const char* name, int (*property)(int, int*)) const {
  std::array<int, 3> v{};
  for (int i = 0; i < 3; i++)
    if (!call(r, name, property, i, &v[i])) return false;
  r.version = dotted({v[0], v[1], v[2]});
  return true;
}

}  // namespace alexnode::cuda
