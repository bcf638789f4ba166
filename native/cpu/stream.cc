#include "cpu/stream.h"

#include <omp.h>
#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <cstring>

#include "cpu/device.h"
#include "reused.h"
#include "wait.h"

namespace alexnode::cpu {

namespace {

struct RunCommand final : Command {
  RunCommand(std::shared_ptr<Kernel> k, std::vector<Place> places, Place s)
      : kernel(std::move(k)), slots(std::move(places)), scratch(std::move(s)) {
    for (auto& p : slots) pointers.push_back(p.data());
  }
  void execute() override { kernel->run({pointers.data(), scratch.data()}); }
  std::shared_ptr<Kernel> kernel;
  std::vector<Place> slots;
  Place scratch;
  std::vector<void*> pointers;
};

CpuEvent& own(Event& event) {
  auto* e = dynamic_cast<CpuEvent*>(&event);
  if (!e) fail("[event] was made on a GPU: make it with a device of this stream's kind");
  return *e;
}

struct CopyCommand final : Command {
  CopyCommand(Place to, Place from, size_t bytes) : to(std::move(to)), from(std::move(from)), bytes(bytes) {}
  void execute() override { std::memmove(to.data(), from.data(), bytes); }
  Place to, from;
  size_t bytes;
};

using Gate = std::shared_ptr<CpuEvent::Gate>;

struct RecordCommand final : Command {
  RecordCommand(Gate g, uint64_t v) : gate(std::move(g)), value(v) {}
  void execute() override { value ? gate->reach(value) : gate->pass(); }
  bool always() const override { return true; }
  Gate gate;
  uint64_t value;  // 0: in a program, one more than before
};

struct WaitCommand final : Command {
  WaitCommand(Gate g, uint64_t v) : gate(std::move(g)), value(v) {}
  void execute() override { gate->await(value ? value : ++runs); }
  bool always() const override { return true; }
  Gate gate;
  uint64_t value, runs = 0;
};

}  // namespace

void CpuEvent::Gate::reach(uint64_t value) {
  std::lock_guard lock(mutex);
  count = std::max(count, value);
  changed.notify_all();
}
void CpuEvent::Gate::pass() {
  std::lock_guard lock(mutex);
  count++;
  changed.notify_all();
}
void CpuEvent::Gate::await(uint64_t value) {
  std::unique_lock lock(mutex);
  wait_on(changed, lock, [&] { return count >= value; });
}

struct CpuStream::Job {
  Job* next = nullptr;
  Ticket* ticket = nullptr;
  std::unique_ptr<Command> command;
  std::function<KernelPtr()> prepare;
  std::shared_ptr<CpuProgram> program;
  size_t segment = 0;
  Times times;
  Place from;  // of a read
  size_t bytes = 0;
  void clear() {
    ticket = nullptr, command.reset(), prepare = nullptr, program.reset(), from = {}, bytes = 0, times = {};
  }
};

/// Outlives the CpuStream until its thread has ended.
struct CpuStream::State {
  explicit State(std::shared_ptr<Mailbox> m) : mailbox(std::move(m)) {}
  std::shared_ptr<Mailbox> mailbox;
  std::mutex mutex;
  std::condition_variable wake;
  Reused<Job> jobs;
  Job *first = nullptr, *last = nullptr;
  Ticket* closing = nullptr;
  bool closed = false;
  std::atomic<bool> abandoned{false};
  Failure failure;  // of a command without a ticket

  void push(auto&& fill) {
    std::lock_guard lock(mutex);
    if (closed) fail("[stream] is closed: open another one");
    Job* job = jobs.take();
    fill(*job);
    (last ? last->next : first) = job;
    last = job;
    wake.notify_one();
  }

  void loop(int threads);
  void perform(Job& job);
  void run_all(Job& job);
  /// What others wait for happens even where the work does not.
  void run_always(Job& job);
};

void CpuStream::State::run_all(Job& job) {
  auto& commands = job.program->segments[job.segment].commands;
  std::exception_ptr failed;
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  const auto [timing, origin, at] = job.times;
  double* time = at;
  auto begin = timing == Timing::none ? origin : Clock::now();
  for (auto& c : commands) {
    if ((failed || abandoned) && !c->always()) continue;
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

void CpuStream::State::run_always(Job& job) {
  if (job.command && job.command->always()) job.command->execute();
  if (!job.program) return;
  for (auto& c : job.program->segments[job.segment].commands)
    if (c->always()) c->execute();
}

void CpuStream::State::perform(Job& job) {
  if (!failure.empty() && job.ticket) {
    run_always(job);
    failure.raise();
  }
  if (job.prepare) job.ticket->kernel = job.prepare();
  if (job.command) job.command->execute();
  if (job.program) run_all(job);
  if (job.bytes) {
    job.ticket->bytes.resize(job.bytes);
    std::memcpy(job.ticket->bytes.data(), job.from.data(), job.bytes);
    job.ticket->has_bytes = true;
  }
}

void CpuStream::State::loop(int threads) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode");  // the workers of OpenMP inherit it
#endif
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  std::unique_lock lock(mutex);
  for (;;) {
    wait_on(wake, lock, [&] { return first || closed; });
    if (!first) break;
    Job* job = first;
    first = job->next;
    if (!first) last = nullptr;
    const bool dropped = closed;
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
        error = "[stream] failed for a reason that it does not tell";
      }
    }
    if (job->ticket) {
      failure = {};
      mailbox->settle(job->ticket, error);
    } else if (failure.empty()) {
      failure = error;
    }
    job->clear();  // what the job held is given back before anyone is told that the stream is closed
    lock.lock();
    jobs.give(job);
  }
  Ticket* ticket = closing;
  lock.unlock();
  if (ticket) mailbox->settle(ticket);
}

CpuStream::CpuStream(std::shared_ptr<Mailbox> mailbox, int threads, const void* owner)
    : state_(std::make_shared<State>(mailbox)) {
  device = owner;
  mailbox->thread_started();
  std::thread([state = state_, mailbox, threads] {
    state->loop(threads);
    mailbox->thread_ended();
  }).detach();
}

CpuStream::~CpuStream() { abandon(); }

void CpuStream::submit(std::unique_ptr<Command> command) {
  if (recording_)
    recording_->of(this).commands.push_back(std::move(command));
  else
    state_->push([&](Job& job) { job.command = std::move(command); });
}

void CpuStream::prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) {
  state_->push([&](Job& job) {
    job.prepare = [op, fields = std::move(fields), specs = std::move(specs)]() mutable {
      return make(op, fields.get(), std::move(specs));
    };
    job.ticket = ticket;
  });
}

void CpuStream::run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) {
  if (recording_) {
    for (auto& p : slots)
      if (p.memory) recording_->uses.push_back(p.memory);
    if (scratch.memory) recording_->uses.push_back(scratch.memory);
  }
  submit(std::make_unique<RunCommand>(std::move(kernel), std::move(slots), std::move(scratch)));
}

void CpuStream::copy(Place to, Place from, size_t bytes) {
  if (recording_) recording_->uses.insert(recording_->uses.end(), {to.memory, from.memory});
  submit(std::make_unique<CopyCommand>(std::move(to), std::move(from), bytes));
}

void CpuStream::read(Place from, size_t bytes, Ticket* ticket) {
  if (from.memory->device != device) fail("[read] the buffer lies on another device than the stream");
  state_->push([&](Job& job) { job.from = std::move(from), job.bytes = bytes, job.ticket = ticket; });
}

void CpuStream::record(EventPtr event) {
  auto& e = own(*event);
  if (recording_) {
    e.recorded = std::make_shared<CpuEvent::Gate>();
    submit(std::make_unique<RecordCommand>(e.recorded, 0));
  } else {
    submit(std::make_unique<RecordCommand>(e.gate, ++e.issued));
  }
}

void CpuStream::wait(EventPtr event) {
  auto& e = own(*event);
  if (recording_) {
    if (!e.recorded)
      fail("[stream] cannot wait, while recording, for an event that was not recorded in the same program");
    submit(std::make_unique<WaitCommand>(e.recorded, 0));
  } else if (e.issued) {
    submit(std::make_unique<WaitCommand>(e.gate, e.issued));
  }
}

void CpuStream::synchronize(Ticket* ticket) {
  state_->push([&](Job& job) { job.ticket = ticket; });
}

void CpuStream::run_segment(std::shared_ptr<CpuProgram> program, size_t segment, Ticket* ticket,
                            Times times) {
  state_->push([&](Job& job) {
    job.program = std::move(program), job.segment = segment, job.ticket = ticket, job.times = times;
  });
}

bool CpuStream::reaches(const Memory& memory) const {
  return memory.device == device || is_cpu_memory(memory);
}

bool CpuStream::closed() const {
  std::lock_guard lock(state_->mutex);
  return state_->closed;
}

void CpuStream::close(Ticket* ticket) {
  std::lock_guard lock(state_->mutex);
  if (state_->closed) fail("[stream] is closed already");
  state_->closed = true;
  state_->closing = ticket;
  state_->wake.notify_one();
}

void CpuStream::abandon() {
  state_->abandoned = true;
  std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->wake.notify_one();
}

CpuProgram::Segment& CpuProgram::of(const CpuStream* stream) {
  for (auto& s : segments)
    if (s.stream.get() == stream) return s;
  fail("[record] this stream is not one of the program's");
}

void CpuProgram::run(Ticket* ticket, Timing timing) {
  const auto numbers = [&](const Segment& s) {
    size_t count = 0;
    for (auto& c : s.commands) count += timing == Timing::each ? 1 : c->always() ? 0 : 2;
    return count;
  };
  // All segments or none: one that ran alone would wait for the others for ever.
  size_t total = 0;
  for (auto& s : segments) {
    if (s.stream->recording())
      fail("[record] cannot run a program while one is recorded: do it before or after");
    if (s.stream->closed()) fail("[program] a stream that it was recorded on is closed");
    if (timing != Timing::none) total += numbers(s);
  }
  CpuStream::Times times{timing};
  if (timing != Timing::none) {
    ticket->times.assign(total, 0), ticket->has_times = true;
    times.origin = std::chrono::steady_clock::now(), times.at = ticket->times.data();
  }
  for (size_t i = 0; i < segments.size(); i++) {
    segments[i].stream->run_segment(shared_from_this(), i, ticket, times);
    if (times.at) times.at += numbers(segments[i]);
  }
}

}  // namespace alexnode::cpu
