// OpenMP ends the process when it cannot make a thread of its team. So as many threads with stacks of the
// same size are made before, and some more: all of them at once, as the team's will be. When these have
// ended, what they took is free for the team, and what the others took is left for threads and memory that
// the rest of the process takes meanwhile.
#include "cpu/team.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "error.h"

namespace alexnode::cpu {
namespace {

/// Threads that are tried besides the team's. Their stacks, of 8 MiB each, also hold what V8 may take.
constexpr size_t spare = 4;

/// The size of stacks that the user sets for OpenMP, in bytes; 0: none. A number without a unit means KiB.
size_t stack_of_openmp() {
  const char* given = getenv("OMP_STACKSIZE");
  if (!given) given = getenv("GOMP_STACKSIZE");
  if (!given) return 0;
  char* rest = nullptr;
  const size_t number = std::strtoull(given, &rest, 10);
  while (*rest == ' ') rest++;
  const char* units = "bkmg";
  const char* unit = *rest == 0 ? units + 1 : std::strchr(units, *rest | 32);
  if (!unit || number > (size_t(1) << 32)) return 0;  // OpenMP ignores it, or can make no thread
  const size_t size = number << 10 * (unit - units);
  return size >= size_t(PTHREAD_STACK_MIN) ? size : 0;
}

/// Read when the addon is loaded, as OpenMP does: later, another thread may change the environment meanwhile.
const size_t stack_size = stack_of_openmp();

/// Threads that wait for one another, and then end.
class Trial {
 public:
  /// Makes so many threads. Returns what the system says if it does not give one, or 0.
  int make(size_t count) {
    pthread_attr_t attributes;
    if (const int error = pthread_attr_init(&attributes)) return error;
    int error = stack_size == 0 ? 0 : pthread_attr_setstacksize(&attributes, stack_size);
    threads_.reserve(count);
#ifdef __linux__
    ids_.reserve(count);  // a thread must not fail to tell its own
#endif
    std::lock_guard lock(all_);  // keeps them until the last is made
    while (threads_.size() < count && !error) {
      pthread_t made;
      error = pthread_create(&made, &attributes, wait, this);
      if (!error) threads_.push_back(made);
    }
    pthread_attr_destroy(&attributes);
    return error;
  }

  /// Ends them, and returns when the system no longer counts them.
  void end() {
    for (const pthread_t one : threads_) pthread_join(one, nullptr);
    threads_.clear();
#ifdef __linux__
    // A thread can be joined a little before it stops counting for `ulimit -u` and a container's limit.
    using Clock = std::chrono::steady_clock;
    const auto last = Clock::now() + std::chrono::seconds(1);
    for (const pid_t id : ids_) {
      while (syscall(SYS_tgkill, getpid(), id, 0) == 0 && Clock::now() < last) sched_yield();
    }
#endif
  }

 private:
  static void* wait(void* trial) {
    auto& self = *static_cast<Trial*>(trial);
    std::lock_guard released(self.all_);
#ifdef __linux__
    self.ids_.push_back(pid_t(syscall(SYS_gettid)));
#endif
    return nullptr;
  }

  std::mutex all_;
  std::vector<pthread_t> threads_;
#ifdef __linux__
  std::vector<pid_t> ids_;
#endif
};

}  // namespace

void make_team(int threads) {
  Trial trial;
  const int error = trial.make(size_t(threads - 1) + spare);
  trial.end();
  if (error) fail_for_threads(text("stream of ", threads, " threads"), std::strerror(error));
#pragma omp parallel
  {}
}

}  // namespace alexnode::cpu
