// What stays of a CUDA stream until its last work is done: the stream itself, what the launcher does on it,
// and a thread that sleeps until the GPU has passed an event and then tells JavaScript.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cuda/gpu.h"
#include "cuda/launcher.h"

namespace alexnode::cuda {

/// Outlives the CudaStream until its waiter has ended.
class StreamState {
 public:
  StreamState(std::shared_ptr<GpuContext> gpu, std::shared_ptr<Launcher> launcher, bool high);
  ~StreamState();
  /// Its waiter; by the thread's end the state is let go. Whoever does not join it has it counted, so that
  /// the end of the environment waits for it.
  static std::thread start_waiter(std::shared_ptr<StreamState> self, bool counted);

  // From here on: the launcher's thread.
  void make_current() const { gpu->make_current(); }
  Launch launch() const { return gpu->on(stream); }
  /// Settles the ticket when all that was launched before is done, with `bytes` bytes of `from` where there
  /// are any.
  void complete(Ticket* ticket, const Place& from = {}, size_t bytes = 0);
  /// Frees pinned memory when all that was launched before is done. Where it throws, it has not and will not.
  void free_later(void* pinned);
  /// This stream goes on when `other` is where it is now.
  void wait_for(StreamState& other);
  /// Ends the waiter when all is done; the ticket then settles.
  void finish(Ticket* ticket);
  void keep_failure(const Failure& failure) {
    if (failure_.empty()) failure_ = failure;
  }
  /// Throws what failed in a command without a ticket, once.
  void tell_failure() {
    if (!failure_.empty()) std::exchange(failure_, {}).raise();
  }

  // Any thread.
  bool closed() const { return closed_; }
  void close() { closed_ = true; }
  void abandon();

  const std::shared_ptr<GpuContext> gpu;
  const std::shared_ptr<Launcher> launcher;
  CUstream stream = nullptr;
  int priority = 0;

 private:
  struct Completion;
  Completion* take();
  void give(Completion* completion);
  void give_back(Completion* completion);
  /// Returns the ticket that waits for its end, if one does.
  Ticket* wait_loop();
  Failure wait(Completion& completion) noexcept;
  void destroy() noexcept;

  Failure failure_;
  std::atomic<bool> closed_{false}, abandoned_{false};
  CUevent fence_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Completion>> all_;
  std::vector<void*> small_;  // pinned pages that small reads land in
  Completion *free_ = nullptr, *first_ = nullptr, *last_ = nullptr;
};

}  // namespace alexnode::cuda
