// The one thread of a JavaScript environment that submits work to the GPUs. JavaScript's thread only queues
// jobs, so a full launch queue, the timing of algorithms or a compilation never blocks it. One thread
// launches for all streams in the order of JavaScript's calls, so an event is always recorded before another
// stream waits for it. Jobs are pooled: a step that replays a program allocates nothing.
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
  std::shared_ptr<StreamState> stream;  // whose errors and closing apply to this job; may be null
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
  /// Queues a job that `fill` fills in. False if the launcher was stopped.
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
  /// Waits until all earlier jobs are launched; false after ten seconds.
  bool flush();
  /// Stops the thread after its current job and waits for it. Tickets of the other jobs are not settled.
  void stop();
  /// Destroys the jobs that were not executed, when nothing runs any more.
  void drop();

  const std::shared_ptr<Mailbox> mailbox;
  // Only on the launcher's thread, or after it has ended.
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
