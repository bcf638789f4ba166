// CUDA as one JavaScript environment uses it: its launcher, and the GPUs that are open.
#pragma once
#include <map>

#include "cuda/device.h"

namespace alexnode::cuda {

class Cuda {
 public:
  /// `refused`: files of libraries that must not be touched, since a child process died of them.
  Cuda(std::shared_ptr<Mailbox> mailbox, Refused refused);
  /// Opens the libraries where that has not happened yet, and the device; the ticket brings it.
  void open(int ordinal, const Options& options, Ticket* ticket);
  /// The environment ends: stop as soon as possible, tell nobody.
  void abandon() { launcher_->stop(); }
  /// Nothing runs any more.
  void drop() { launcher_->drop(); }

 private:
  struct Gpus {
    std::mutex mutex;
    std::map<int, std::weak_ptr<GpuContext>> open;
  };
  std::shared_ptr<Launcher> launcher_;
  std::shared_ptr<Gpus> gpus_ = std::make_shared<Gpus>();
  Refused refused_;
};

}  // namespace alexnode::cuda
