// Events between CPU streams: a stream's records are counted, and another stream waits for a count.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

#include "backend.h"

namespace alexnode::cpu {

class CpuProgram;

class CpuEvent final : public Event {
 public:
  /// A count that only goes up, and waits for it.
  class Gate {
   public:
    /// Raises the count to `value`.
    void reach(uint64_t value);
    /// Raises the count by one.
    void pass();
    /// Returns at once if the count is there; else the time that it took.
    std::chrono::nanoseconds await(uint64_t value);

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    uint64_t count_ = 0;
  };
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  uint64_t issued = 0;  // records so far
  // While a program is recorded: the gate of the latest record in it, and which program that is.
  std::shared_ptr<Gate> recorded;
  std::weak_ptr<CpuProgram> program;
};

}  // namespace alexnode::cpu
