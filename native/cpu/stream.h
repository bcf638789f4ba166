// A CPU stream: one thread with a queue. oneDNN's primitives are created and run on it, so they use its
// number of threads, and OpenMP keeps one team of workers for it.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/queue.h"

namespace alexnode::cpu {

class CpuProgram;

/// Nanoseconds for which a stream waited for others. Its commands share it, since a program may outlive it.
using Waited = std::atomic<int64_t>;

class CpuStream final : public Stream {
 public:
  CpuStream(std::shared_ptr<Mailbox> mailbox, int threads, const void* device);
  ~CpuStream() override;
  void prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) override;
  void run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) override;
  void copy(Place to, Place from, size_t bytes) override;
  void read(Place from, size_t bytes, Ticket* ticket) override;
  void record(EventPtr event) override;
  void wait(EventPtr event) override;
  void synchronize(Ticket* ticket) override;
  void close(Ticket* ticket) override;
  void abandon() override;
  bool recording() const override { return recording_ != nullptr; }
  double waited() const override { return double(*waited_) / 1e6; }
  /// Copies go between all devices that are CPUs.
  bool reaches(const Memory& memory) const override;

  void begin_record(CpuProgram* program) { recording_ = program; }
  void end_record() { recording_ = nullptr; }
  /// Queues one run of a program's commands.
  void run_commands(std::shared_ptr<const Commands> commands, Ticket* ticket, Times times);
  bool closed() const { return queue_->closed(); }

 private:
  void submit(std::unique_ptr<Command> command);
  std::shared_ptr<Queue> queue_;
  std::shared_ptr<Waited> waited_ = std::make_shared<Waited>(0);
  CpuProgram* recording_ = nullptr;
};

}  // namespace alexnode::cpu
