// A CPU stream: one thread with a queue. oneDNN's primitives are made and run on it, so they see its thread
// count, and OpenMP keeps one team for it. A program is a list of commands a stream, run without touching the
// heap.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "backend.h"

namespace alexnode::cpu {

class CpuProgram;

struct Command {
  virtual ~Command() = default;
  virtual void execute() = 0;
  /// Runs even after a failure, so that no other stream waits for ever.
  virtual bool always() const { return false; }
};

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
  /// Copies go between all devices that are CPUs.
  bool reaches(const Memory& memory) const override;

  void begin_record(CpuProgram* program) { recording_ = program; }
  void end_record() { recording_ = nullptr; }
  struct Times {
    Timing timing = Timing::none;
    std::chrono::steady_clock::time_point origin{};
    double* at = nullptr;  // where a segment's go
  };
  void run_segment(std::shared_ptr<CpuProgram> program, size_t segment, Ticket* ticket, Times times);
  bool closed() const;

 private:
  struct Job;
  struct State;
  void submit(std::unique_ptr<Command> command);
  std::shared_ptr<State> state_;
  CpuProgram* recording_ = nullptr;
};

class CpuProgram final : public Program, public std::enable_shared_from_this<CpuProgram> {
 public:
  struct Segment {
    std::shared_ptr<CpuStream> stream;
    std::vector<std::unique_ptr<Command>> commands;
  };
  std::vector<Segment> segments;
  Segment& of(const CpuStream* stream);
  void run(Ticket* ticket, Timing timing) override;
};

class CpuEvent final : public Event {
 public:
  /// A count that goes up, and waits for it.
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t count = 0;
    void reach(uint64_t value);
    void pass();
    void await(uint64_t value);
  };
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  uint64_t issued = 0;
  std::shared_ptr<Gate> recorded;  // while a program is recorded: the gate of the latest record in it
};

}  // namespace alexnode::cpu
