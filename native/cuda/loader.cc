// cuDNN calls abort() when one of its parts, or cublasLt, is missing at a call. So all of them are opened
// before its first call, and where one is not there it is not called. cuDNN and NCCL have one name for CUDA
// 12 and 13: cuDNN is asked which it was built for, and that decides which cuBLAS and NVRTC are used.
#include "cuda/loader.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "cuda/places.h"
#include "cuda/shared_object.h"
#include "error.h"

namespace alexnode::cuda {

namespace fs = std::filesystem;

namespace {

constexpr int kMajors[] = {13, 12};
/// cuDNN 9.10.0 numbers enumerators otherwise than all other versions.
constexpr size_t kRefusedCudnn = 91000;
/// The parts that every cuDNN 9 has; others beside them are opened as well. graph and ops are needed by the
/// rest.
constexpr const char* kCudnnParts[] = {
    "graph", "ops", "cnn", "adv", "engines_precompiled", "engines_runtime_compiled", "heuristic"};

std::string dotted(std::initializer_list<int> numbers) {
  std::string out;
  for (const int n : numbers) out += (out.empty() ? "" : ".") + std::to_string(n);
  return out;
}

/// The libraries that come once a CUDA version.
struct Toolkit {
  int major;
  Nvrtc nvrtc;
  CublasLt cublaslt;
  Cublas cublas;
  LibraryReport nvrtc_report, builtins_report, cublaslt_report, cublas_report;

  bool any() const {
    return nvrtc_report.state == State::ready || cublaslt_report.state == State::ready ||
           cublas_report.state == State::ready;
  }
};

class Loader {
 public:
  Loader(const Watch& watch, const Refused& refused) : watch_(watch), refused_(refused) {}

  Libraries open() {
    auto& report = out_.report;
    report.places = places_.ours;
    report.places.insert(report.places.end(), places_.known.begin(), places_.known.end());
    open_driver();
    std::vector<Toolkit> toolkits;
    for (const int major : kMajors) toolkits.push_back(open_toolkit(major));
    auto cudnn = open_cudnn(toolkits);
    auto& toolkit = choose(toolkits);
    suit(toolkit, cudnn.front());
    out_.nvrtc = toolkit.nvrtc;
    out_.cublaslt = toolkit.cublaslt;
    out_.cublas = toolkit.cublas;
    for (auto* r :
         {&toolkit.nvrtc_report, &toolkit.builtins_report, &toolkit.cublaslt_report, &toolkit.cublas_report})
      report.libraries.push_back(std::move(*r));
    for (auto& r : cudnn) report.libraries.push_back(std::move(r));
    open_nccl();
    return std::move(out_);
  }

 private:
  void watch(const LibraryReport& r, const char* what, const std::string& path) {
    if (watch_) watch_({r, what, path});
  }

  /// Opens one file, known by its path or by a bare name.
  void* try_open(LibraryReport& r, const std::string& path) {
    watch(r, "open", path);
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

  bool is_refused(LibraryReport& r) {
    const auto found = refused_.find(r.file);
    if (found == refused_.end()) return false;
    r.state = State::broken;
    r.error = found->second;
    return true;
  }

  void* try_folders(LibraryReport& r, const std::vector<std::string>& folders) {
    for (const auto& folder : folders) {
      const auto path = fs::path(folder) / r.file;
      std::error_code e;
      if (!fs::exists(path, e)) continue;
      if (void* handle = try_open(r, path.string())) return handle;
    }
    return nullptr;
  }

  /// Opens a library from the first place where that works.
  void* find(LibraryReport& r) {
    if (is_refused(r)) return nullptr;
    if (void* handle = try_folders(r, places_.ours)) return handle;
    if (void* handle = already_open(r.file)) return handle;
    if (void* handle = try_folders(r, places_.known)) return handle;
    // Its complaint that there is no such file must not hide what was said of a file that is there.
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

  /// Finds a library and its functions.
  template <class Api>
  bool load(LibraryReport& r, Api& api) {
    void* handle = find(r);
    if (!handle) return false;
    r.error.clear();
    r.state = State::ready;
    api.visit([&](const char* name, auto*& function) {
      std::string error;
      void* found = symbol(handle, name, error);
      function = reinterpret_cast<std::decay_t<decltype(function)>>(found);
      if (found) {
        r.path = file_of(found);
      } else if (r.state == State::ready) {
        r.state = State::broken;
        r.error = error;
      }
    });
    if (r.state != State::ready) api = {};
    return r.state == State::ready;
  }

  /// Makes a call that gives 0 when it went well.
  template <class... Parameters, class... Arguments>
  bool call(LibraryReport& r, const char* name, int (*function)(Parameters...), Arguments... arguments) {
    watch(r, name, r.path);
    const int error = function(arguments...);
    if (error == 0) return true;
    const char* words = nullptr;
    if (r.name == "driver") out_.driver.cuGetErrorName(error, &words);
    r.state = State::broken;
    r.error = text(name, " failed with ", error, words ? text(" (", words, ")") : "");
    return false;
  }

  /// Asks a function for major, minor and patch.
  bool ask_version(LibraryReport& r, const char* name, int (*property)(int, int*)) {
    std::array<int, 3> v{};
    for (int i = 0; i < 3; i++)
      if (!call(r, name, property, i, &v[i])) return false;
    r.version = dotted({v[0], v[1], v[2]});
    return true;
  }

  void open_driver() {
    LibraryReport r{"driver", "libcuda.so.1"};
    auto& driver = out_.driver;
    auto& report = out_.report;
    if (int version = 0;
        load(r, driver) && call(r, "cuDriverGetVersion", driver.cuDriverGetVersion, &version)) {
      r.version = dotted({version / 1000, version % 1000 / 10});
      report.driver_major = version / 1000;
      if (call(r, "cuInit", driver.cuInit, 0u)) list_devices(r);
    }
    report.libraries.push_back(std::move(r));
  }

  void list_devices(LibraryReport& r) {
    const auto& driver = out_.driver;
    int count = 0;
    if (!call(r, "cuDeviceGetCount", driver.cuDeviceGetCount, &count)) return;
    for (int i = 0; i < count; i++) {
      DeviceReport device;
      std::array<char, 256> name{};
      int handle = 0;
      const auto attribute = driver.cuDeviceGetAttribute;
      if (call(r, "cuDeviceGet", driver.cuDeviceGet, &handle, i) &&
          call(r, "cuDeviceGetName", driver.cuDeviceGetName, name.data(), int(name.size()) - 1, handle) &&
          call(r, "cuDeviceGetAttribute", attribute, &device.major, kComputeCapabilityMajor, handle) &&
          call(r, "cuDeviceGetAttribute", attribute, &device.minor, kComputeCapabilityMinor, handle) &&
          call(r, "cuDeviceTotalMem_v2", driver.cuDeviceTotalMem_v2, &device.memory, handle)) {
        device.name = name.data();
        out_.report.devices.push_back(std::move(device));
      }
    }
  }

  Toolkit open_toolkit(int major) {
    const auto file = [&](const char* name) { return text("lib", name, ".so.", major); };
    Toolkit t{major,
              {},
              {},
              {},
              {"nvrtc", file("nvrtc")},
              {"nvrtc-builtins", file("nvrtc-builtins")},
              {"cublaslt", file("cublasLt")},
              {"cublas", file("cublas")}};
    int v[2] = {};
    if (load(t.nvrtc_report, t.nvrtc) && call(t.nvrtc_report, "nvrtcVersion", t.nvrtc.nvrtcVersion, v, v + 1))
      t.nvrtc_report.version = dotted({v[0], v[1]});
    open_builtins(t, v[1]);
    // cuBLAS needs cublasLt, which the loader finds because it is open.
    if (load(t.cublaslt_report, t.cublaslt))
      ask_version(t.cublaslt_report, "cublasLtGetProperty", t.cublaslt.cublasLtGetProperty);
    if (load(t.cublas_report, t.cublas))
      ask_version(t.cublas_report, "cublasGetProperty", t.cublas.cublasGetProperty);
    return t;
  }

  /// NVRTC opens these by name at its first compilation: from beside itself they are of the same version.
  void open_builtins(Toolkit& t, int minor) {
    auto& r = t.builtins_report;
    if (t.nvrtc_report.state != State::ready) {
      r.error = "not looked for: it lies beside " + t.nvrtc_report.file;
      return;
    }
    r.file += text(".", minor);
    r.version = t.nvrtc_report.version;
    open_beside(r, t.nvrtc_report.path);
  }

  void open_beside(LibraryReport& r, const std::string& other) {
    if (is_refused(r)) return;
    const auto folder = fs::path(other).parent_path();
    const auto path = folder / r.file;
    std::error_code e;
    if (!fs::exists(path, e))
      r.error = text(r.file, " is not in ", folder.string());
    else if (try_open(r, path.string()))
      r.state = State::ready;
  }

  /// cuDNN, then its parts.
  std::vector<LibraryReport> open_cudnn(const std::vector<Toolkit>& toolkits) {
    std::vector<LibraryReport> all{{"cudnn", "libcudnn.so.9"}};
    LibraryReport r = all.front();
    auto& cudnn = out_.cudnn;
    if (load(r, cudnn)) {
      for (auto& file : cudnn_parts(r.path)) {
        LibraryReport part{file.substr(3, file.find('.') - 3), file};
        open_beside(part, r.path);
        all.push_back(std::move(part));
      }
      if (const auto* missing = first_unready(all)) {
        r.state = State::broken;
        r.error = text("was not called, for it would abort: ", missing->error);
      } else if (std::none_of(toolkits.begin(), toolkits.end(),
                              [](const Toolkit& t) { return t.cublaslt_report.state == State::ready; })) {
        r.state = State::broken;
        r.error = "was not called, for it would abort: no libcublasLt could be opened";
      } else {
        ask_cudnn(r);
      }
    }
    all.front() = std::move(r);
    return all;
  }

  static std::vector<std::string> cudnn_parts(const std::string& cudnn) {
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

  static const LibraryReport* first_unready(const std::vector<LibraryReport>& all) {
    for (size_t i = 1; i < all.size(); i++)
      if (all[i].state != State::ready) return &all[i];
    return nullptr;
  }

  void ask_cudnn(LibraryReport& r) {
    const auto& cudnn = out_.cudnn;
    watch(r, "cudnnGetVersion", r.path);
    const auto version = cudnn.cudnnGetVersion();
    r.version = dotted({int(version / 10000), int(version % 10000 / 100), int(version % 100)});
    watch(r, "cudnnGetCudartVersion", r.path);
    out_.report.cudnn_major = int(cudnn.cudnnGetCudartVersion() / 1000);
    if (version == kRefusedCudnn) {
      r.state = State::unsuited;
      r.error = "expected any cuDNN 9 but 9.10.0, whose enumerators are numbered otherwise";
    }
  }

  /// The toolkit that goes with cuDNN; without one, the newest that the driver can use.
  Toolkit& choose(std::vector<Toolkit>& toolkits) {
    const auto& report = out_.report;
    for (auto& t : toolkits)
      if (t.major == report.cudnn_major) return t;
    for (auto& t : toolkits)
      if (t.any() && (report.driver_major == 0 || t.major <= report.driver_major)) return t;
    for (auto& t : toolkits)
      if (t.major <= report.driver_major) return t;
    return toolkits.front();
  }

  /// Whether driver, toolkit and cuDNN go together.
  void suit(Toolkit& toolkit, LibraryReport& cudnn) {
    const auto& report = out_.report;
    if (report.cudnn_major && report.cudnn_major != toolkit.major && cudnn.state == State::ready) {
      cudnn.state = State::unsuited;
      cudnn.error = text("expected one for CUDA 12 or 13, got one for CUDA ", report.cudnn_major);
    }
    if (!report.driver_major || toolkit.major <= report.driver_major) return;
    for (auto* r : {&toolkit.nvrtc_report, &toolkit.cublaslt_report, &toolkit.cublas_report, &cudnn}) {
      if (r->state != State::ready) continue;
      r->state = State::unsuited;
      r->error = text("expected one for CUDA ", report.driver_major,
                      ", the driver's newest, got one for CUDA ", toolkit.major);
    }
  }

  void open_nccl() {
    LibraryReport r{"nccl", "libnccl.so.2"};
    if (int v = 0; load(r, out_.nccl) && call(r, "ncclGetVersion", out_.nccl.ncclGetVersion, &v))
      r.version = dotted({v / 10000, v % 10000 / 100, v % 100});
    out_.report.libraries.push_back(std::move(r));
  }

  const Watch& watch_;
  const Refused& refused_;
  const Places places_ = find_places();
  Libraries out_;
};

}  // namespace

bool Report::complete() const {
  return !devices.empty() && std::all_of(libraries.begin(), libraries.end(), [](const LibraryReport& r) {
    return r.state == State::ready || r.name == "nccl";
  });
}

Libraries open_libraries(const Watch& watch, const Refused& refused) { return Loader(watch, refused).open(); }

}  // namespace alexnode::cuda
