#include "cuda/launcher.h"

#include <pthread.h>

#include <system_error>
#include <thread>

#include "cuda/errors.h"
#include "cuda/program.h"
#include "cuda/stream_state.h"
#include "wait.h"

namespace alexnode::cuda {

void Job::clear() {
  stream.reset(), ticket = nullptr, work = nullptr, program.reset(), timing = Timing::none, from = {},
                  bytes = 0, synchronize = false;
}

void Launcher::start() {
  running_ = true;
  try {
    std::thread([self = shared_from_this()] {
      self->loop();
      std::lock_guard lock(self->mutex_);
      self->running_ = false;
      self->ended_.notify_all();
    }).detach();
  } catch (const std::system_error& error) {
    running_ = false;
    fail_for_threads("device", error.what());
  }
}

bool Launcher::flush() {
  struct Flag {
    std::mutex mutex;
    std::condition_variable changed;
    bool up = false;
  };
  auto flag = std::make_shared<Flag>();
  const bool queued = push([&](Job& job) {
    job.work = [flag] {
      std::lock_guard lock(flag->mutex);
      flag->up = true;
      flag->changed.notify_all();
    };
  });
  if (!queued) return false;
  std::unique_lock lock(flag->mutex);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!flag->up && std::chrono::steady_clock::now() < end)
    flag->changed.wait_for(lock, std::chrono::milliseconds(100));
  return flag->up;
}

void Launcher::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  wake_.notify_one();
  wait_on(ended_, lock, [&] { return !running_; });
}

void Launcher::loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode-gpu");
#endif
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_on(wake_, lock, [&] { return first_ || stopped_; });
    if (stopped_) break;
    Job* job = first_;
    first_ = job->next;
    if (!first_) last_ = nullptr;
    lock.unlock();
    perform(*job);
    job->clear();
    lock.lock();
    jobs_.give(job);
  }
  lock.unlock();
  // Only now, when they get no more work.
  for (auto* stream : streams) stream->abandon();
}

void Launcher::drop() { jobs_.clear(); }

void Launcher::perform(Job& job) {
  const int parts = job.program ? job.program->parts() : 1;
  Failure error;
  try {
    if (job.stream) {
      if (job.stream->closed()) fail("[stream] was closed before this ran");
      refuse_when_lost();
      if (job.ticket) job.stream->tell_failure();
      job.stream->make_current();
    }
    if (job.work) job.work();
    if (job.program) return job.program->launch(job.ticket, job.timing);
    if (job.bytes || job.synchronize) return job.stream->complete(job.ticket, job.from, job.bytes);
  } catch (const std::exception& e) {
    error = Failure(e);
  } catch (...) {
    error = "[stream] failed with an error that is not a std::exception";
  }
  if (job.ticket)
    for (int i = 0; i < parts; i++) mailbox->settle(job.ticket, error);
  else if (job.stream && !error.empty())
    job.stream->keep_failure(error);
}

}  // namespace alexnode::cuda
