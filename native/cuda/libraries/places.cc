// The order is the one that works for other projects: what the person chose, the active Python environment,
// that of PATH, the person's and the system's Python, then the toolkit. pip's wheels hold a folder a library
// (site-packages/nvidia/cudnn/lib), and from CUDA 13 on one for the toolkit (nvidia/cu13/lib).
#include "cuda/libraries/places.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace alexnode::cuda {

namespace fs = std::filesystem;

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The folders in `folder` whose names begin with `prefix`, the highest version first.
std::vector<fs::path> inside(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code e;
  for (fs::directory_iterator i(folder, e), end; !e && i != end; i.increment(e)) {
    std::error_code not_there;
    if (i->path().filename().string().starts_with(prefix) && fs::is_directory(i->path(), not_there))
      found.push_back(i->path());
  }
  // 3.12 is above 3.9, and the names differ in the version alone.
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const auto x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() > y.size() : x > y;
  });
  return found;
}

void add(std::vector<std::string>& to, const fs::path& folder) {
  std::error_code e;
  if (fs::is_directory(folder, e) && std::find(to.begin(), to.end(), folder.string()) == to.end())
    to.push_back(folder.string());
}

/// The wheels of NVIDIA in every Python under a prefix such as /usr.
void add_wheels(std::vector<std::string>& to, const fs::path& prefix) {
  for (const auto* lib : {"lib", "lib64"})
    for (const auto& python : inside(prefix / lib, "python3"))
      for (const auto* packages : {"site-packages", "dist-packages"})
        for (const auto& wheel : inside(python / packages / "nvidia", "")) add(to, wheel / "lib");
}

/// Where the python3 of PATH lives: an environment that is used without being activated. Empty without one.
fs::path python_prefix() {
  const auto path = environment("PATH");
  for (size_t from = 0; from < path.size();) {
    const auto to = std::min(path.find(':', from), path.size());
    const fs::path folder = path.substr(from, to - from);
    std::error_code e;
    if (folder.is_absolute() && fs::exists(folder / "python3", e)) return folder.parent_path();
    from = to + 1;
  }
  return {};
}

void add_toolkit(std::vector<std::string>& to, const fs::path& toolkit) {
  add(to, toolkit / "lib64");
  for (const auto& target : inside(toolkit / "targets", "")) add(to, target / "lib");
  add(to, toolkit / "lib");
}

}  // namespace

Places find_places() {
  Places places;
  const auto list = environment("ALEXNODE_CUDA_PATH");
  for (size_t from = 0; from < list.size();) {
    const auto to = std::min(list.find(':', from), list.size());
    // Absolute, because the loader takes a name without a slash for one to be looked up.
    std::error_code e;
    if (to > from) places.ours.push_back(fs::absolute(list.substr(from, to - from), e).string());
    from = to + 1;
  }
  auto& known = places.known;
  if (const auto venv = environment("VIRTUAL_ENV"); !venv.empty()) add_wheels(known, venv);
  if (const auto conda = environment("CONDA_PREFIX"); !conda.empty()) {
    add_wheels(known, conda);
    add_toolkit(known, conda);
  }
  if (const auto python = python_prefix(); !python.empty()) {
    add_wheels(known, python);
    std::error_code e;
    if (fs::exists(python / "conda-meta", e)) add_toolkit(known, python);
  }
  if (const auto home = environment("HOME"); !home.empty()) add_wheels(known, fs::path(home) / ".local");
  for (const auto* prefix : {"/usr/local", "/usr"}) add_wheels(known, prefix);
  for (const auto* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const auto toolkit = environment(name); !toolkit.empty()) add_toolkit(known, toolkit);
  add_toolkit(known, "/usr/local/cuda");
  for (const auto& toolkit : inside("/usr/local", "cuda-")) add_toolkit(known, toolkit);
  return places;
}

}  // namespace alexnode::cuda
