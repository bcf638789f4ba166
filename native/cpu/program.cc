#include "cpu/program.h"

#include <chrono>

namespace alexnode::cpu {

Commands& CpuProgram::of(const CpuStream* stream) {
  for (auto& s : segments)
    if (s.stream.get() == stream) return s.commands;
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
  Times times{timing};
  if (timing != Timing::none) {
    ticket->times.assign(total, 0), ticket->has_times = true;
    times.origin = std::chrono::steady_clock::now(), times.at = ticket->times.data();
  }
  for (auto& s : segments) {
    s.stream->run_commands({shared_from_this(), &s.commands}, ticket, times);
    if (times.at) times.at += numbers(s);
  }
}

}  // namespace alexnode::cpu
