// CUDA in one JavaScript environment: its launcher and its open GPUs.
#pragma once
#include <map>

#include "cuda/device.h"

namespace alexnode::cuda {

class Cuda {
 public:
  /// `refused`: library files that must not be opened, because they crashed a child process.
  Cuda(std::shared_ptr<Mailbox> mailbox, Refused refused);
  /// Opens the libraries, if they are not open yet, and the device, which the ticket returns.
  void open(int ordinal, const Options& options, Ticket* ticket);
  /// Stops as soon as possible and settles nothing: the environment is ending.
  void abandon() { launcher_->stop(); }
  /// Destroys what is left, when nothing runs any more.
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
