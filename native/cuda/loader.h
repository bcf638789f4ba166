// NVIDIA's libraries, opened at run time: nothing of them is linked, so the addon loads where they are not.
// Whatever is missing or unfit is told in a report; nothing here throws for it.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cuda/api/cublas.h"
#include "cuda/api/cublaslt.h"
#include "cuda/api/cudnn.h"
#include "cuda/api/driver.h"
#include "cuda/api/nccl.h"
#include "cuda/api/nvrtc.h"

namespace alexnode::cuda {

/// A file that was there and could not be opened, in the loader's words.
struct Attempt {
  std::string path, error;
};

enum class State {
  ready,
  /// Found nowhere.
  missing,
  /// Found, but it cannot be opened, lacks a function, or a call failed.
  broken,
  /// It works, but not in this version or not with the others.
  unsuited
};

struct LibraryReport {
  std::string name;  // "cudnn"
  std::string file;  // "libcudnn.so.9"
  State state = State::missing;
  std::string path = {}, version = {};
  /// Why it is not ready.
  std::string error = {};
  /// What was there before it in the order of places, and failed.
  std::vector<Attempt> tried = {};
};

struct DeviceReport {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  size_t memory = 0;         // bytes
};

struct Report {
  std::vector<LibraryReport> libraries;
  std::vector<DeviceReport> devices;
  /// Folders that were looked in, in this order; the system's own come last and are not listed.
  std::vector<std::string> places;
  /// Major versions of CUDA: the driver's highest, and the one that cuDNN was built for; 0 where unknown.
  int driver_major = 0, cudnn_major = 0;

  bool complete() const;
};

/// What is about to be done with a library. A broken one may crash or hang the process, and whoever watches
/// then knows which.
struct Act {
  const LibraryReport& library;
  std::string what;  // "open", or a function's name
  std::string path;
};
using Watch = std::function<void(const Act&)>;

/// Files that must not be touched, with the reason.
using Refused = std::map<std::string, std::string>;

/// Open libraries. They are never closed: their threads and exit handlers do not survive it.
struct Libraries {
  Driver driver;
  Nvrtc nvrtc;
  CublasLt cublaslt;
  Cublas cublas;
  Cudnn cudnn;
  Nccl nccl;
  Report report;
};

/// A library may end the process when it is opened or called: cuDNN does where the cublasLt that is there is
/// of another CUDA than its own, and which that is only a call tells. So the first time belongs in a child
/// process.
Libraries open_libraries(const Watch& watch = {}, const Refused& refused = {});

}  // namespace alexnode::cuda
