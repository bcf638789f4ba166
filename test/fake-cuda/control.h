// Counts, planned failures and settings. They lie in a file that a test maps as well (control.ts), so that it
// can read counts at any time, and send commands that are executed at the next call:
//   fail SYMBOL N CODE   the Nth call from now of SYMBOL ("*": of any) returns CODE
//   work N CODE          the Nth piece of work from now fails as it runs, and the device with it, by CODE
//   set NAME VALUE       a setting
//   clear                cancels planned failures and sticky errors
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace fake {

class Control {
 public:
  static Control& get();

  /// Counts a call and returns its planned error, or 0.
  int call(const char* symbol);
  /// The planned error of the work that runs next, or 0.
  int work();
  void count(const std::string& name, int64_t change);
  void misuse(const std::string& words);
  int64_t setting(const std::string& name, int64_t otherwise);

  /// The sticky error.
  int sticky();
  void make_sticky(int error);
  static bool stays(int error);

 private:
  struct Header {
    char magic[8];
    std::atomic<uint32_t> slots;  // in use
    /// Bytes of commands: written by the test, and executed.
    std::atomic<uint32_t> written, obeyed;
  };
  struct Slot {
    char name[56];
    std::atomic<int64_t> value;
  };
  struct Plan {
    int64_t in;
    int error;
  };

  static constexpr size_t kSlotsAt = 4096, kSlots = 1024, kCommandsAt = kSlotsAt + kSlots * sizeof(Slot);
  static constexpr size_t kBytes = size_t(4) << 20;

  Control();
  Slot& slot(const std::string& name);
  void obey();
  void command(const std::string& line);

  std::recursive_mutex mutex_;
  char* memory_;
  std::map<std::string, Slot*> slots_;
  std::multimap<std::string, Plan> plans_;
  Plan work_plan_{0, 0};
  std::map<std::string, int64_t> settings_;
  int sticky_ = 0;
};

}  // namespace fake
