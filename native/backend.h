// What every backend offers: memory, streams that run commands in order, events between streams, and
// programs, which are recorded commands that run again and again. native/cpu/ and native/cuda/ implement it;
// native/js/ gives it to JavaScript.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "op.h"
#include "ticket.h"

namespace alexnode {

/// A device's memory counters. Its blocks share them, since they may outlive the device's handle.
struct MemoryCount {
  std::atomic<int64_t> bytes{0}, blocks{0}, peak{0};
};

/// One block of device memory, freed when its last owner releases it.
class Memory {
 public:
  virtual ~Memory() = default;
  std::byte* data = nullptr;  // a device address if `host` is false
  size_t bytes = 0;
  bool host = true;              // true if the host may dereference `data`
  const void* device = nullptr;  // the owner; only for checks
  std::atomic<int> programs{0};  // live programs that use it
};
using MemoryPtr = std::shared_ptr<Memory>;

/// Bytes inside a block.
struct Place {
  MemoryPtr memory;
  size_t offset = 0;
  std::byte* data() const { return memory ? memory->data + offset : nullptr; }
};

/// Marks a point in one stream that another waits for.
class Event {
 public:
  virtual ~Event() = default;
};
using EventPtr = std::shared_ptr<Event>;

/// What a run of a program measures, in milliseconds. `each`: the duration of every command. `spans`: start
/// (since the start of the run) and duration of every op and copy, stream by stream.
enum class Timing { none, each, spans };

class Program {
 public:
  virtual ~Program() = default;
  /// Queues one run. The ticket, of as many parts, settles when it is done, and holds the times.
  virtual void run(Ticket* ticket, Timing timing) = 0;
  virtual int parts() const = 0;
  std::vector<MemoryPtr> uses;
};
using ProgramPtr = std::shared_ptr<Program>;

/// Executes commands asynchronously, in order. All calls come from the JS thread; none blocks. Calls on a
/// closed stream throw. An error in a command without a ticket rejects the next ticket.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Prepares a kernel of op number `op` of the op table; `fields` is that op's struct. The ticket returns
  /// it.
  virtual void prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) = 0;
  virtual void run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) = 0;
  virtual void copy(Place to, Place from, size_t bytes) = 0;
  virtual void read(Place from, size_t bytes, Ticket* ticket) = 0;
  virtual void record(EventPtr event) = 0;
  virtual void wait(EventPtr event) = 0;
  virtual void synchronize(Ticket* ticket) = 0;
  /// Rejects queued work. The ticket settles when running work is done and the stream's resources are freed.
  virtual void close(Ticket* ticket) = 0;
  /// Stops as soon as possible and settles nothing: the environment is ending.
  virtual void abandon() = 0;
  virtual bool recording() const = 0;
  /// Milliseconds for which it has waited for events of other streams; NaN where nothing measures it.
  virtual double waited() const { return std::numeric_limits<double>::quiet_NaN(); }
  /// True if copies on this stream may access that memory.
  virtual bool reaches(const Memory& memory) const { return memory.device == device; }
  const void* device = nullptr;
  uint64_t home = 0;  // it runs only kernels with the same `home`
};
using StreamPtr = std::shared_ptr<Stream>;

struct MemoryInfo {
  int64_t live, blocks, peak, available, total;
};

struct StreamOptions {
  int threads = 1;    // of a CPU
  bool high = false;  // runs before other streams of a GPU
};

/// Refuses streams to record that are recorded already, or named twice.
void check_to_record(const std::vector<StreamPtr>& streams);
/// Refuses other streams than those that are recorded.
void check_recorded(const std::vector<StreamPtr>& streams, const std::vector<const Stream*>& recorded);

class Device {
 public:
  virtual ~Device() = default;
  /// Allocates zeroed memory. `staging`: memory that the host writes and copies read, if the host cannot
  /// access the device's own.
  virtual MemoryPtr allocate(size_t bytes, bool staging) = 0;
  virtual MemoryInfo memory() const = 0;
  virtual StreamPtr stream(const StreamOptions& options) = 0;
  virtual EventPtr event() = 0;
  /// Until end_record with the same streams, commands on these are recorded instead of run.
  virtual void begin_record(const std::vector<StreamPtr>& streams) = 0;
  virtual ProgramPtr end_record(const std::vector<StreamPtr>& streams, bool keep) = 0;
  virtual bool recording() const = 0;
  /// Everything created on it must be closed already. The ticket settles when its resources are freed.
  virtual void close(Ticket* ticket) = 0;
};
using DevicePtr = std::shared_ptr<Device>;

}  // namespace alexnode
