// What every backend offers: memory, streams that run commands in order, events between streams, and
// programs, which are recorded commands that run again and again. native/cpu/ and native/cuda/ implement it;
// native/js/ gives it to JavaScript.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "op.h"
#include "ticket.h"

namespace alexnode {

/// What a device's memory counts; shared with the blocks, which may outlive the device's handle.
struct MemoryCount {
  std::atomic<int64_t> bytes{0}, blocks{0}, peak{0};
};

/// One block of device memory, given back when the last holder lets go.
class Memory {
 public:
  virtual ~Memory() = default;
  std::byte* data = nullptr;  // an address of the device, where `host` is false
  size_t bytes = 0;
  bool host = true;              // whether the host may follow `data`
  const void* device = nullptr;  // whose it is, for checks alone
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

/// What a run of a program tells of time, in milliseconds: `each`: how long every command took; `spans`: when
/// every op and copy began, after the run's own beginning, and how long it took, stream by stream.
enum class Timing { none, each, spans };

class Program {
 public:
  virtual ~Program() = default;
  /// Queues one run; the ticket settles when all of it is done, and brings the times.
  virtual void run(Ticket* ticket, Timing timing) = 0;
  std::vector<MemoryPtr> uses;
};
using ProgramPtr = std::shared_ptr<Program>;

/// Runs what it is given in order. All calls come from the JS thread; none blocks. What a stream cannot do
/// any more, since it was closed, throws. A failure without a ticket of its own is told to the next one.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Makes the kernel of op number `op` of the op table; `fields` is that op's struct. The ticket brings it.
  virtual void prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) = 0;
  virtual void run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) = 0;
  virtual void copy(Place to, Place from, size_t bytes) = 0;
  virtual void read(Place from, size_t bytes, Ticket* ticket) = 0;
  virtual void record(EventPtr event) = 0;
  virtual void wait(EventPtr event) = 0;
  virtual void synchronize(Ticket* ticket) = 0;
  /// Queued work is rejected; the ticket settles when what runs is done and the stream's resources are given
  /// back.
  virtual void close(Ticket* ticket) = 0;
  /// The environment ends: stop as soon as possible, tell nobody.
  virtual void abandon() = 0;
  virtual bool recording() const = 0;
  /// Whether copies on this stream may touch that memory.
  virtual bool reaches(const Memory& memory) const { return memory.device == device; }
  const void* device = nullptr;
  uint64_t home = 0;  // that of the kernels it can run
};
using StreamPtr = std::shared_ptr<Stream>;

struct MemoryInfo {
  int64_t live, blocks, peak, available, total;
};

struct StreamOptions {
  int threads = 1;    // of a CPU
  bool high = false;  // goes before other streams of a GPU
};

class Device {
 public:
  virtual ~Device() = default;
  /// Zeros. `staging`: memory that the host writes and copies read, where the device's own is out of its
  /// reach.
  virtual MemoryPtr allocate(size_t bytes, bool staging) = 0;
  virtual MemoryInfo memory() const = 0;
  virtual StreamPtr stream(const StreamOptions& options) = 0;
  virtual EventPtr event() = 0;
  /// From here to end_record, what these streams are given is kept and not run.
  virtual void begin_record(const std::vector<StreamPtr>& streams) = 0;
  virtual ProgramPtr end_record(const std::vector<StreamPtr>& streams, bool keep) = 0;
  /// All that was made on it is closed already; the ticket settles when it has given back what it held.
  virtual void close(Ticket* ticket) = 0;
};
using DevicePtr = std::shared_ptr<Device>;

}  // namespace alexnode
