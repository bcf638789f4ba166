// For timing algorithms while an op is prepared: temporary memory, and a clock on the stream.
#pragma once
#include "cuda/kernel.h"

namespace alexnode::cuda {

/// Zeroed memory of the device's pool; empty if none is left.
class Temporary {
 public:
  Temporary(const Target& target, size_t bytes);
  ~Temporary();
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  explicit operator bool() const { return bytes_ == 0 || at_; }
  void* data() const { return reinterpret_cast<void*>(at_); }

 private:
  const Launch launch_;
  size_t bytes_;
  CUdeviceptr at_ = 0;
};

class Clock {
 public:
  explicit Clock(const Launch& launch);
  ~Clock();
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  void start();
  /// Waits for all work launched so far; returns the milliseconds since start.
  float stop();

 private:
  void end() noexcept;
  const Launch launch_;
  CUevent from_ = nullptr, to_ = nullptr;
};

}  // namespace alexnode::cuda
