#include "cpu/queue.h"

#include <omp.h>
#include <pthread.h>

#include <cstring>
#include <exception>

#include "cpu/team.h"
#include "wait.h"

namespace alexnode::cpu {

void Queue::run_all(Job& job) {
  std::exception_ptr failed;
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  const auto [timing, origin, at] = job.times;
  double* time = at;
  auto begin = timing == Timing::none ? origin : Clock::now();
  for (auto& c : *job.commands) {
    if ((failed || abandoned_) && !c->always()) continue;
    try {
      c->execute();
    } catch (...) {
      if (!failed) failed = std::current_exception();
    }
    if (timing == Timing::none) continue;
    const auto end = Clock::now();
    if (timing == Timing::spans && !c->always()) *time++ = ms(begin - origin);
    if (timing == Timing::each || !c->always()) *time++ = ms(end - begin);
    begin = end;
  }
  if (failed) std::rethrow_exception(failed);
}

/// For a dropped job: executes only the commands that other streams wait for (record and wait of events),
/// each of them, whatever fails. The job has an error already.
void Queue::run_always(Job& job) noexcept {
  const auto run = [](Command& command) {
    try {
      if (command.always()) command.execute();
    } catch (...) {
    }
  };
  if (job.command) run(*job.command);
  if (!job.commands) return;
  for (auto& c : *job.commands) run(*c);
}

void Queue::perform(Job& job) {
  if (!failure_.empty() && job.ticket) {
    run_always(job);
    failure_.raise();
  }
  if (!has_team_ && threads_ > 1 && (job.prepare || job.command || job.commands)) {
    make_team(threads_);
    has_team_ = true;
  }
  if (job.prepare) job.ticket->kernel = job.prepare();
  if (job.command) job.command->execute();
  if (job.commands) run_all(job);
  if (job.bytes) {
    job.ticket->bytes.resize(job.bytes);
    std::memcpy(job.ticket->bytes.data(), job.from.data(), job.bytes);
    job.ticket->has_bytes = true;
  }
}

void Queue::loop(int threads) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode");  // the workers of OpenMP inherit it
#endif
  threads_ = threads;
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_on(wake_, lock, [&] { return first_ || closed_; });
    if (!first_) break;
    Job* job = first_;
    first_ = job->next;
    if (!first_) last_ = nullptr;
    const bool dropped = closed_;
    lock.unlock();
    Failure error;
    if (dropped) {
      run_always(*job);
      error = "[stream] was closed before this ran";
    } else {
      try {
        perform(*job);
      } catch (const std::exception& e) {
        error = Failure(e);
      } catch (...) {
        error = "[stream] failed with an error that is not a std::exception";
      }
    }
    Ticket* settled = job->ticket;
    job->clear();  // first, so that who is told can count on the memory being back
    if (settled) {
      failure_ = {};
      mailbox_->settle(settled, error);
    } else if (failure_.empty()) {
      failure_ = error;
    }
    lock.lock();
    jobs_.give(job);
  }
  Ticket* ticket = closing_;
  lock.unlock();
  if (ticket) mailbox_->settle(ticket);
}

bool Queue::closed() const {
  std::lock_guard lock(mutex_);
  return closed_;
}

void Queue::close(Ticket* ticket) {
  std::lock_guard lock(mutex_);
  if (closed_) fail("[stream] is closed already");
  closed_ = true;
  closing_ = ticket;
  wake_.notify_one();
}

void Queue::abandon() {
  abandoned_ = true;
  std::lock_guard lock(mutex_);
  closed_ = true;
  wake_.notify_one();
}

}  // namespace alexnode::cpu
