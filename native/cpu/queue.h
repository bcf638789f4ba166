// The queue of a CPU stream, and the loop of the thread that executes it. Jobs are reused, so that a training
// step does not allocate.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "backend.h"
#include "cpu/command.h"
#include "reused.h"

namespace alexnode::cpu {

/// Where the times of one run of commands go; see Timing.
struct Times {
  Timing timing = Timing::none;
  std::chrono::steady_clock::time_point origin{};
  double* at = nullptr;
};

/// Work of one call: the fields that are set, in this order. Then the ticket, if there is one, settles.
struct Job {
  Job* next = nullptr;
  Ticket* ticket = nullptr;
  std::function<KernelPtr()> prepare;
  std::unique_ptr<Command> command;
  std::shared_ptr<const Commands> commands;  // of a program
  Times times;
  Place from;  // of a read
  size_t bytes = 0;
  void clear() {
    ticket = nullptr, command.reset(), prepare = nullptr, commands.reset(), from = {}, bytes = 0, times = {};
  }
};

/// Shared by the stream and its thread: it outlives the stream until the thread ends.
class Queue {
 public:
  explicit Queue(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}

  /// fill(job) sets the fields of a new job. Throws if the stream is closed.
  template <class Fill>
  void push(const Fill& fill) {
    std::lock_guard lock(mutex_);
    if (closed_) fail("[stream] is closed: open another one");
    Job* job = jobs_.take();
    fill(*job);
    (last_ ? last_->next : first_) = job;
    last_ = job;
    wake_.notify_one();
  }

  /// Executes jobs until the queue is closed. `threads`: the number of OpenMP's threads.
  void loop(int threads);
  bool closed() const;
  /// Rejects what is queued; the ticket settles when the loop ends.
  void close(Ticket* ticket);
  /// Ends the loop as soon as possible, and settles no ticket for it.
  void abandon();

 private:
  void perform(Job& job);
  void run_all(Job& job);
  void run_always(Job& job) noexcept;

  std::shared_ptr<Mailbox> mailbox_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Reused<Job> jobs_;
  Job *first_ = nullptr, *last_ = nullptr;
  Ticket* closing_ = nullptr;
  bool closed_ = false;
  std::atomic<bool> abandoned_{false};
  // Only on the loop's thread.
  int threads_ = 1;
  bool has_team_ = false;
  Failure failure_;  // of a job without a ticket; the next ticket is rejected with it
};

}  // namespace alexnode::cpu
