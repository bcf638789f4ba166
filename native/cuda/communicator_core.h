// What a communicator's thread and its users share. It lives until NCCL's part is given back.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>

#include "cuda/communicator.h"

namespace alexnode::cuda {

class Communicator::Core {
 public:
  using Clock = std::chrono::steady_clock;

  Core(std::shared_ptr<GpuContext> gpu, const CommunicatorPlace& place, std::shared_ptr<Mailbox> mailbox);
  /// The thread: makes it, watches it, gives it back.
  void run(Ticket* opened) noexcept;

  /// Enqueues one collective. `what` is its op, `name` its function.
  void enqueue(const char* what, const char* name, const std::function<int(ncclComm_t)>& call);
  /// Ends all that waits, with `why`; the first reason counts.
  void fail(const std::string& why);
  void abort();
  /// Why, or empty.
  std::string failure();
  /// Begins to give it back.
  void close();
  /// Settled when all is given back. False if that has been.
  bool settle(Ticket* closed);
  /// Takes back what `settle` got; null if it was settled.
  Ticket* unsettle();
  const Nccl& nccl() const { return nccl_; }
  bool wait_for(std::chrono::milliseconds time);

  const CommunicatorPlace place;
  const int ordinal;

 private:
  void open();
  void watch();
  void end() noexcept;
  bool finalize() noexcept;
  void check(int result, const char* name);
  /// Waits while NCCL works on what it was told last; `lock` is of `mutex_`.
  void settle_call(std::unique_lock<std::mutex>& lock, int result, const char* name);
  std::string where() const;
  std::string words_of(int result, const char* name) const;
  [[noreturn]] void break_off(const std::string& why);

  std::shared_ptr<GpuContext> gpu_;
  const Nccl& nccl_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ncclComm_t comm_ = nullptr;
  /// The op that was enqueued last, for people.
  const char* what_ = "a collective";
  std::string failed_;
  bool closing_ = false, given_back_ = false;
  Ticket* closed_ = nullptr;
};

}  // namespace alexnode::cuda
