// The part of a CUDA stream that lives until its last work is done: the stream itself, the launcher's
// operations on it, and a thread that sleeps until the GPU reaches an event and then settles tickets.
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
  /// Starts its waiting thread, which releases the state when it ends. With `counted`, for threads that are
  /// not joined, the environment waits for it when it ends.
  static std::thread start_waiter(std::shared_ptr<StreamState> self, bool counted);

  // From here on: only on the launcher's thread.
  void make_current() const { gpu->make_current(); }
  Launch launch() const { return gpu->on(stream); }
  /// Settles the ticket when all work launched before is done, with `bytes` bytes of `from` if there are any.
  void complete(Ticket* ticket, const Place& from = {}, size_t bytes = 0);
  /// Frees pinned memory when all work launched before is done. If it throws, the memory is not freed.
  void free_later(void* pinned);
  /// Makes this stream wait for the work that is on `other` now.
  void wait_for(StreamState& other);
  /// Stops the waiter when all work is done; then the ticket settles.
  void finish(Ticket* ticket);
  void keep_failure(const Failure& failure) {
    if (failure_.empty()) failure_ = failure;
  }
  /// Throws, once, the error of a command without a ticket.
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
  /// Returns the ticket of the stream's end, or null.
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
