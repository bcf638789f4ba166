// How asynchronous work settles JavaScript's promises. A Ticket is the promise's native half: taken on the JS
// thread, settled on any thread. The Mailbox hands settled tickets back on the JS thread through one uv_async
// for the whole environment. Tickets are pooled: a training step takes and settles one without allocating.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "op.h"
#include "reused.h"
#include "uv.h"

namespace alexnode {

class Device;

struct Ticket {
  Ticket() { bytes.reserve(64); }  // room for the numbers that a step reads
  double id = 0;
  std::atomic<int> parts{0};       // settles when all parts are done
  Failure failure;                 // of the first part that failed; empty on success
  std::vector<uint8_t> bytes;      // what was read
  std::shared_ptr<Kernel> kernel;  // what was prepared
  std::shared_ptr<Device> device;  // what was opened
  std::vector<double> times;       // a profile: milliseconds a command
  bool has_bytes = false, has_times = false;
  std::mutex mutex;
  Ticket* next = nullptr;
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  using Deliver = std::function<void(Ticket&)>;
  /// On the JS thread. `deliver` is called there for each settled ticket.
  Mailbox(uv_loop_s* loop, Deliver deliver);
  ~Mailbox();
  Ticket* take(double id, int parts);
  /// Reports one part as done, from any thread. An empty failure means success.
  void settle(Ticket* ticket, const Failure& failure = {});
  /// Stops delivery. `done` is called when the loop has closed the handle.
  void close(std::function<void()> done);

  /// Count the streams' threads, so that the environment can wait for them when it ends.
  void thread_started();
  void thread_ended();
  void wait_for_threads();
  /// Runs `loop` on a thread of its own, which is counted. Throws, with `what` for people, if the system
  /// gives none.
  void start_thread(std::string_view what, std::function<void()> loop);

 private:
  void drain();
  uv_handle_s* handle() const { return reinterpret_cast<uv_handle_s*>(async_); }
  uv_async_s* async_;
  Deliver deliver_;
  std::mutex mutex_;
  std::condition_variable idle_;
  Reused<Ticket> tickets_;
  Ticket *first_ = nullptr, *last_ = nullptr;
  int pending_ = 0, threads_ = 0;
  bool closed_ = false;
};

}  // namespace alexnode
