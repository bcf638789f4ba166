// The objects of the driver's double. Handles are numbers that are never reused, so a destroyed one is
// detected. One lock guards everything.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "arena.h"
#include "control.h"
#include "cuda/api/driver.h"
#include "fake.h"

namespace fake {

using namespace alexnode::cuda;
using WorkPtr = std::shared_ptr<FakeWork>;
using Clock = std::chrono::steady_clock;

struct Stream;
struct Capture;

/// A point in a stream: reached when everything before it has run.
struct Token {
  std::weak_ptr<Stream> stream;
  bool done = false;
  Clock::time_point when;
};
using TokenPtr = std::shared_ptr<Token>;

/// What a stream has in its queue: work, or a place that it reaches, or one that it waits for.
struct Item {
  WorkPtr work;
  TokenPtr reaches, waits;
};

struct Device {
  int ordinal;
  Arena arena;
  size_t reserved = 0;  // bytes that pools hold
};

struct Context {
  Device* device;
  int retained = 0;
  bool gone = false;
  std::set<int> peers;                           // ordinals
  std::vector<std::shared_ptr<Stream>> streams;  // with those that were destroyed and still have work
};

struct Stream {
  std::shared_ptr<Context> context;
  int priority;
  bool destroyed = false;
  std::deque<Item> queue;
  std::shared_ptr<Capture> capture;
  std::set<int> after;  // under capture: the nodes that its next one follows
};

struct Event {
  std::shared_ptr<Context> context;
  bool timing, blocking;
  TokenPtr reached;  // null where never recorded
  bool captured = false;
  std::weak_ptr<Capture> capture;
  std::set<int> after;
};

struct Pool {
  Device* device;
  int id;
  size_t reserved = 0, used = 0, keep = 0;
  std::set<int> open_to;  // ordinals
  void trim(size_t to) {
    const size_t least = used > to ? used : to;
    if (reserved <= least) return;
    device->reserved -= reserved - least;
    reserved = least;
  }
  ~Pool() { device->reserved -= reserved; }
};

struct Allocation {
  std::shared_ptr<Pool> pool;
  size_t bytes;
};

struct Pinned {
  std::shared_ptr<Context> context;
  void* memory;
  size_t bytes;
  ~Pinned();
};

struct Module {
  std::shared_ptr<Context> context;
  std::string topic;  // empty: any
  std::vector<CUfunction> functions;
};

/// What a launch needs of a kernel's object file: block.cc, in each.
struct Extent {
  unsigned x, y, z;
};
using RunGrid = void (*)(const char* name, void (*kernel)(const void*), Extent grid, Extent block,
                         const void* params);

struct Function {
  std::shared_ptr<Context> context;
  std::string name;
  void (*entry)(const void*);
  RunGrid run_grid;
  unsigned bytes;  // of its struct
};

/// A piece of work of a graph, on a device.
struct Node {
  WorkPtr work;
  std::shared_ptr<Context> context;
  std::set<int> after;
  int priority;
};

struct Capture {
  std::shared_ptr<Stream> origin;
  std::thread::id thread;
  int mode;
  bool broken = false;
  std::vector<Node> nodes;
  std::vector<std::shared_ptr<Stream>> streams;
};

struct Graph {
  std::vector<Node> nodes;
};
struct Exec {
  std::shared_ptr<std::vector<Node>> nodes;  // in the order that they run in
  TokenPtr launched;
};

/// The objects of a kind, by handle.
template <class T, class Handle>
class Table {
 public:
  explicit Table(const char* kind) : kind_(kind) {}
  Handle add(std::shared_ptr<T> object) {
    static uintptr_t next = 0x7a0000000000;
    const auto handle = reinterpret_cast<Handle>(next += 16);
    objects_[handle] = std::move(object);
    fake_live(kind_, 1);
    return handle;
  }
  /// Null, with a report, if there is no such object (any more).
  std::shared_ptr<T> find(Handle handle, const char* call) const {
    const auto found = objects_.find(handle);
    if (found != objects_.end()) return found->second;
    fake_misuse((std::string(call) + ": not one of the " + kind_ + " that there are").c_str());
    return nullptr;
  }
  std::shared_ptr<T> peek(Handle handle) const {
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }
  std::shared_ptr<T> take(Handle handle, const char* call) {
    auto object = find(handle, call);
    if (objects_.erase(handle)) fake_live(kind_, -1);
    return object;
  }
  /// Takes away those that `which` holds for, and counts them.
  template <class F>
  size_t drop(F which) {
    const size_t dropped = std::erase_if(objects_, [&](const auto& entry) { return which(*entry.second); });
    if (dropped) fake_live(kind_, -long(dropped));
    return dropped;
  }
  const std::map<Handle, std::shared_ptr<T>>& all() const { return objects_; }

 private:
  const char* kind_;
  std::map<Handle, std::shared_ptr<T>> objects_;
};

struct State {
  std::recursive_mutex mutex;
  bool initialised = false;
  std::vector<std::unique_ptr<Device>> devices;
  std::map<int, CUcontext> primary;  // by ordinal
  Table<Context, CUcontext> contexts{"contexts"};
  Table<Stream, CUstream> streams{"streams"};
  Table<Event, CUevent> events{"events"};
  Table<Pool, CUmemoryPool> pools{"pools"};
  Table<Module, CUmodule> modules{"modules"};
  Table<Function, CUfunction> functions{"functions"};
  Table<Graph, CUgraph> graphs{"graphs"};
  Table<Exec, CUgraphExec> execs{"execs"};
  std::map<CUdeviceptr, Allocation> allocations;
  std::map<uintptr_t, std::shared_ptr<Pinned>> pinned;
  std::map<int, std::weak_ptr<Pool>> pools_by_id;  // with those that were destroyed and still have memory

  std::vector<std::weak_ptr<Capture>> captures;

  static State& get();
  Device* device(int handle);  // handles are not ordinals: they begin at 40
};

inline constexpr int kFirstDevice = 40;
/// Of streams: the smaller goes first.
inline constexpr int kLeastPriority = 0, kGreatestPriority = -5;

/// The current context of this thread, or null; `error` says why.
std::shared_ptr<Context> current(int& error);
extern thread_local CUcontext current_context;

// CUresult
inline constexpr int kInvalidValue = 1, kNotInitialized = 3, kNoDevice = 100, kInvalidDevice = 101,
                     kInvalidContext = 201, kInvalidHandle = 400, kIllegalState = 401, kNotFound = 500,
                     kNotReady = 600, kContextIsDestroyed = 709, kCaptureUnsupported = 900,
                     kCaptureInvalidated = 901, kCaptureMerge = 902, kCaptureUnmatched = 903,
                     kCaptureUnjoined = 904, kCaptureIsolation = 905, kCapturedEvent = 907,
                     kCaptureWrongThread = 908;

#define FAKE_DECLARE(name, parameters) extern "C" __attribute__((visibility("default"))) int name parameters;
ALEXNODE_DRIVER(FAKE_DECLARE)
#undef FAKE_DECLARE

/// Reports a misuse and returns the error.
int wrong(int error, const std::string& words);

// Every function of the API begins with one of these.
#define FAKE_ENTER(name)                           \
  const std::lock_guard lock(State::get().mutex);  \
  [[maybe_unused]] const char* const call = #name; \
  if (const int error = fake::enter(#name)) return error
/// For functions that destroy: they do so even if an error is planned, and then return it.
#define FAKE_GIVE_BACK(name)                       \
  const std::lock_guard lock(State::get().mutex);  \
  [[maybe_unused]] const char* const call = #name; \
  const int failed = fake::enter(#name)
/// With a current context.
#define FAKE_ENTER_CONTEXT(name)                  \
  FAKE_ENTER(name);                               \
  int no_context = 0;                             \
  const auto context = fake::current(no_context); \
  if (!context) return fake::wrong(no_context, #name ": no context is current")
int enter(const char* name);

}  // namespace fake
