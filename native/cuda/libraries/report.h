// What was found of NVIDIA's driver, libraries and GPUs, for `alexnode doctor` and for error messages.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace alexnode::cuda {

/// A file that exists but could not be opened, with the system loader's message.
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
  /// Files of earlier places that failed to open.
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
  /// The folders that were searched, in order; the system's own come last and are not listed.
  std::vector<std::string> places;
  /// Major versions of CUDA: the highest that the driver supports, and the one that cuDNN was built for; 0
  /// where unknown.
  int driver_major = 0, cudnn_major = 0;

  /// Whether there is a GPU and all that training on it needs. NCCL is optional.
  bool complete() const;
};

}  // namespace alexnode::cuda
