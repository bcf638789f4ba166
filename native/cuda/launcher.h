// The one thread that gives work to the GPUs, for one JavaScript environment. JavaScript's thread only queues
// jobs, so a full launch queue, a timing of algorithms or a compilation never holds it up; and since one
// thread launches for all streams in the order that JavaScript called, an event is always recorded before
// another stream is told to wait for it. Jobs are pooled: a step that replays a program allocates nothing.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "backend.h"
#include "reused.h"

namespace alexnode::cuda {

class Pool;
class StreamState;
class CudaProgram;

struct Job {
  Job* next = nullptr;
  std::shared_ptr<StreamState> stream;  // whose failures and closing concern it; may be none
  Ticket* ticket = nullptr;
  std::function<void()> work;
  std::shared_ptr<CudaProgram> program;
  Timing timing = Timing::none;
  Place from;  // of a read
  size_t bytes = 0;
  bool synchronize = false;
  void clear();
};

class Launcher : public std::enable_shared_from_this<Launcher> {
 public:
  explicit Launcher(std::shared_ptr<Mailbox> mailbox) : mailbox(std::move(mailbox)) {}
  void start();
  /// Queues a job that `fill` fills in. False when the launcher was stopped.
  template <class Fill>
  bool push(Fill&& fill) {
    std::lock_guard lock(mutex_);
    if (stopped_) return false;
    Job* job = jobs_.take();
    fill(*job);
    (last_ ? last_->next : first_) = job;
    last_ = job;
    wake_.notify_one();
    return true;
  }
  /// Waits until all that was queued before is launched; false where that takes longer than ten seconds.
  bool flush();
  /// Ends the thread after the job that it is at, and waits for that; nobody is told of the others.
  void stop();
  /// Lets go of the jobs that were not done, when nothing runs any more.
  void drop();

  const std::shared_ptr<Mailbox> mailbox;
  // The launcher's thread alone, and whoever comes after it.
  /// Streams that are open.
  std::vector<StreamState*> streams;
  /// The memory of all devices.
  std::vector<Pool*> pools;

 private:
  void loop();
  void perform(Job& job);
  std::mutex mutex_;
  std::condition_variable wake_, ended_;
  Reused<Job> jobs_;
  Job *first_ = nullptr, *last_ = nullptr;
  bool stopped_ = false, running_ = false;
};

}  // namespace alexnode::cuda
