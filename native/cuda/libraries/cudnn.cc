// cuDNN calls abort() if one of its parts, or cublasLt, is missing at a call. So all of them are opened
// before its first call, and if one is missing cuDNN is not called.
#include "cuda/libraries/cudnn.h"

#include <algorithm>
#include <filesystem>

#include "error.h"

namespace alexnode::cuda {

namespace fs = std::filesystem;

namespace {

/// cuDNN 9.10.0 numbers enumerators otherwise than all other versions.
constexpr size_t kRefusedCudnn = 91000;
/// The parts that every cuDNN 9 has; others beside them are opened as well. graph and ops come first, because
/// the rest needs them.
constexpr const char* kCudnnParts[] = {
    "graph", "ops", "cnn", "adv", "engines_precompiled", "engines_runtime_compiled", "heuristic"};

std::vector<std::string> cudnn_parts(const std::string& cudnn) {
  std::vector<std::string> files;
  for (const auto* part : kCudnnParts) files.push_back(text("libcudnn_", part, ".so.9"));
  std::vector<std::string> more;
  std::error_code e;
  for (fs::directory_iterator i(fs::path(cudnn).parent_path(), e), end; !e && i != end; i.increment(e)) {
    const auto file = i->path().filename().string();
    if (file.starts_with("libcudnn_") && file.ends_with(".so.9") &&
        std::find(files.begin(), files.end(), file) == files.end())
      more.push_back(file);
  }
  std::sort(more.begin(), more.end());
  files.insert(files.end(), more.begin(), more.end());
  return files;
}

const LibraryReport* first_unready(const std::vector<LibraryReport>& all) {
  for (size_t i = 1; i < all.size(); i++)
    if (all[i].state != State::ready) return &all[i];
  return nullptr;
}

void ask_cudnn(const Opener& opener, LibraryReport& r, const Cudnn& cudnn, int& cudnn_major) {
  opener.announce(r, "cudnnGetVersion", r.path);
  const auto version = cudnn.cudnnGetVersion();
  r.version = dotted({int(version / 10000), int(version % 10000 / 100), int(version % 100)});
  opener.announce(r, "cudnnGetCudartVersion", r.path);
  cudnn_major = int(cudnn.cudnnGetCudartVersion() / 1000);
  if (version == kRefusedCudnn) {
    r.state = State::unsuited;
    r.error = "expected any cuDNN 9 but 9.10.0, whose enumerators are numbered otherwise";
  }
}

}  // namespace

std::vector<LibraryReport> open_cudnn(const Opener& opener, Cudnn& cudnn, bool cublaslt, int& cudnn_major) {
  std::vector<LibraryReport> all{{"cudnn", "libcudnn.so.9"}};
  LibraryReport r = all.front();
  if (opener.load(r, cudnn)) {
    for (auto& file : cudnn_parts(r.path)) {
      LibraryReport part{file.substr(3, file.find('.') - 3), file};
      opener.open_beside(part, r.path);
      all.push_back(std::move(part));
    }
    if (const auto* missing = first_unready(all)) {
      r.state = State::broken;
      r.error = text("was not called because it would abort: ", missing->error);
    } else if (!cublaslt) {
      r.state = State::broken;
      r.error = "was not called because it would abort: no libcublasLt could be opened";
    } else {
      ask_cudnn(opener, r, cudnn, cudnn_major);
    }
  }
  all.front() = std::move(r);
  return all;
}

}  // namespace alexnode::cuda
