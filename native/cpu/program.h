// A recorded program on the CPU: a list of commands for each stream, run without allocating.
#pragma once
#include <memory>
#include <vector>

#include "cpu/command.h"
#include "cpu/stream.h"

namespace alexnode::cpu {

class CpuProgram final : public Program, public std::enable_shared_from_this<CpuProgram> {
 public:
  struct Segment {
    std::shared_ptr<CpuStream> stream;
    Commands commands;
  };
  std::vector<Segment> segments;
  /// The commands recorded on this stream.
  Commands& of(const CpuStream* stream);
  void run(Ticket* ticket, Timing timing) override;
  int parts() const override { return int(segments.size()); }
};

}  // namespace alexnode::cpu
