#include "cuda/program.h"

#include <algorithm>

#include "cuda/optimizer.h"
#include "cuda/temporaries.h"

namespace alexnode::cuda {

namespace {

/// Whether `a` writes where `b` reads or writes.
bool touches(const RunCommand& a, const RunCommand& b) {
  const auto& slots = a.kernel->specs.slots;
  for (size_t i = 0; i < slots.size(); i++) {
    const auto* at = static_cast<const std::byte*>(a.pointers[i]);
    if (!at || slots[i].role == Role::in) continue;
    const auto* end = at + a.kernel->specs[i].bytes();
    for (size_t j = 0; j < b.pointers.size(); j++) {
      const auto* other = static_cast<const std::byte*>(b.pointers[j]);
      if (other && other < end && at < other + b.kernel->specs[j].bytes()) return true;
    }
  }
  return false;
}

}  // namespace

CudaProgram::~CudaProgram() {
  if (!exec_) return;
  gpu_->driver().cuCtxSetCurrent(gpu_->gpu.context);
  gpu_->driver().cuGraphExecDestroy(exec_);
}

size_t CudaProgram::index_of(const StreamState& stream) const {
  for (size_t i = 0; i < streams_.size(); i++)
    if (streams_[i].get() == &stream) return i;
  fail("[record] the stream is not one of this program");
}

void CudaProgram::add(const StreamState& stream, std::unique_ptr<Command> command) {
  entries_.push_back({Kind::command, index_of(stream), 0, std::move(command)});
}

size_t CudaProgram::record(const StreamState& stream) {
  entries_.push_back({Kind::record, index_of(stream), slots_, nullptr});
  return slots_++;
}

void CudaProgram::wait(const StreamState& stream, size_t slot) {
  entries_.push_back({Kind::wait, index_of(stream), slot, nullptr});
}

void CudaProgram::run(Ticket* ticket, Timing timing) {
  const auto& first = streams_[0];
  for (auto& s : streams_)
    if (s->closed()) fail("[program] a stream that it was recorded on is closed: record it again");
  const bool queued = first->launcher->push([&](Job& job) {
    job.stream = first, job.ticket = ticket, job.program = shared_from_this(), job.timing = timing;
  });
  if (!queued) fail("[stream] is closed: open another one");
}

/// Executes every entry on the stream that stands for its own.
void CudaProgram::execute_all(const std::vector<CUstream>& streams, const std::function<void(size_t)>& mark) {
  Temporaries temporaries(streams_[0]->gpu->driver());
  std::vector<CUevent> events(slots_);
  const auto& d = streams_[0]->gpu->driver();
  for (size_t i = 0; i < entries_.size(); i++) {
    auto& entry = entries_[i];
    auto& gpu = *streams_[entry.stream]->gpu;
    if (streams_.size() > 1) gpu.make_current();
    const auto stream = streams[entry.stream];
    if (entry.kind == Kind::command) {
      const auto launch = gpu.on(stream);
      if (mark)
        mark(entry.stream), entry.command->execute(launch), mark(entry.stream);
      else
        i += execute_joined(i, launch) - 1;
    } else if (entry.kind == Kind::record) {
      events[entry.slot] = temporaries.event(gpu);
      check(d, d.cuEventRecord(events[entry.slot], stream), "cuEventRecord");
    } else {
      check(d, d.cuStreamWaitEvent(stream, events[entry.slot], 0), "cuStreamWaitEvent");
    }
  }
}

/// Runs the command at `first`, with as many after it as can join it in one launch; returns how many.
size_t CudaProgram::execute_joined(size_t first, const Launch& launch) {
  const auto run_at = [&](size_t i) {
    const bool same = entries_[i].kind == Kind::command && entries_[i].stream == entries_[first].stream;
    return same ? dynamic_cast<const RunCommand*>(entries_[i].command.get()) : nullptr;
  };
  std::vector<const RunCommand*> runs{run_at(first)};
  const auto* joinable = runs[0] ? dynamic_cast<const Joinable*>(runs[0]->kernel.get()) : nullptr;
  if (joinable) {
    for (size_t i = first + 1; i < entries_.size(); i++) {
      const auto* next = run_at(i);
      const auto meets = [&](const RunCommand* run) { return touches(*run, *next) || touches(*next, *run); };
      if (!next || !joinable->joins(*next->kernel) || std::any_of(runs.begin(), runs.end(), meets)) break;
      runs.push_back(next);
    }
  }
  if (runs.size() == 1) {
    entries_[first].command->execute(launch);
    return 1;
  }
  std::vector<JoinedCall> calls;
  for (const auto* run : runs)
    calls.push_back({run->kernel.get(), {run->pointers.data(), run->scratch.data(), &launch}});
  joinable->run_joined(calls, launch);
  return runs.size();
}

void CudaProgram::capture() {
  auto& first = *streams_[0]->gpu;
  const auto& d = first.driver();
  Temporaries temporaries(d);
  std::vector<CUstream> streams;
  // Work keeps its stream's priority in the graph.
  bool mixed = false;
  for (auto& s : streams_) {
    streams.push_back(temporaries.stream(*s->gpu, s->priority));
    mixed |= s->priority != streams_[0]->priority;
  }
  first.make_current();
  check(d, d.cuStreamBeginCapture_v2(streams[0], kCaptureRelaxed), "cuStreamBeginCapture");
  CUgraph graph = nullptr;
  bool capturing = true;
  try {
    for (size_t i = 1; i < streams.size(); i++)
      temporaries.join(streams[i], *streams_[i]->gpu, streams[0], first);
    execute_all(streams);
    for (size_t i = 1; i < streams.size(); i++)
      temporaries.join(streams[0], first, streams[i], *streams_[i]->gpu);
    first.make_current();
    capturing = false;
    check(d, d.cuStreamEndCapture(streams[0], &graph), "cuStreamEndCapture");
    check(d, d.cuGraphInstantiateWithFlags(&exec_, graph, mixed ? kGraphNodePriority : 0),
          "cuGraphInstantiate");
  } catch (...) {
    d.cuCtxSetCurrent(first.gpu.context);
    if (capturing) d.cuStreamEndCapture(streams[0], &graph);
    if (graph) d.cuGraphDestroy(graph);
    throw;
  }
  check(d, d.cuGraphDestroy(graph), "cuGraphDestroy");
}

void CudaProgram::launch(Ticket* ticket, Timing timing) {
  auto& first = *streams_[0];
  const auto& d = first.gpu->driver();
  // A graph must not run a communicator that was given back.
  if (auto why = first.gpu->waits.failure(); !why.empty()) throw Error(why);
  for (size_t i = 1; i < streams_.size(); i++) first.wait_for(*streams_[i]);
  if (timing != Timing::none) {
    ticket->times = timing == Timing::each ? profile() : spans();
    ticket->has_times = true;
  } else {
    if (!exec_) capture();
    first.make_current();
    check(d, d.cuGraphLaunch(exec_, first.stream), "cuGraphLaunch");
  }
  for (size_t i = 1; i < streams_.size(); i++) streams_[i]->wait_for(first);
  for (auto& s : streams_) {
    try {
      s->make_current();
      s->complete(ticket);
    } catch (const std::exception& e) {
      s->launcher->mailbox->settle(ticket, Failure(e));
    }
  }
}

}  // namespace alexnode::cuda
