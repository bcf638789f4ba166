// What a GPU's communicators and the threads that wait for its work tell each other: how long each waits, and
// why what it waits for cannot be trusted.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

namespace alexnode::cuda {

class CollectiveWaits {
 public:
  using Clock = std::chrono::steady_clock;

  /// A wait for the GPU's work, as long as it lives.
  class One {
   public:
    explicit One(CollectiveWaits& all) : all_(all) {
      std::lock_guard lock(all_.mutex_);
      all_.waits_.push_back({this, Clock::now()});
    }
    ~One() {
      std::lock_guard lock(all_.mutex_);
      auto& waits = all_.waits_;
      waits.erase(std::find_if(waits.begin(), waits.end(), [this](const Wait& w) { return w.of == this; }));
    }
    One(const One&) = delete;

   private:
    CollectiveWaits& all_;
  };

  /// Whether a wait has lasted longer.
  bool longer_than(std::chrono::milliseconds time) {
    std::lock_guard lock(mutex_);
    const auto before = Clock::now() - time;
    return std::any_of(waits_.begin(), waits_.end(), [&](const Wait& w) { return w.since < before; });
  }

  /// From now on what ran may be wrong: a collective of `of` was ended.
  void fail(const void* of, std::string why) {
    std::lock_guard lock(mutex_);
    failures_.push_back({of, std::move(why)});
    failed_ = true;
  }
  /// `of` is closed: nothing uses it any more.
  void forget(const void* of) {
    std::lock_guard lock(mutex_);
    std::erase_if(failures_, [&](const Failed& f) { return f.of == of; });
    failed_ = !failures_.empty();
  }
  /// Why, or empty.
  std::string failure() {
    if (!failed_) return {};
    std::lock_guard lock(mutex_);
    return failures_.empty() ? std::string() : failures_.front().why;
  }

 private:
  struct Wait {
    const One* of;
    Clock::time_point since;
  };
  struct Failed {
    const void* of;
    std::string why;
  };
  std::mutex mutex_;
  std::atomic<bool> failed_{false};
  std::vector<Wait> waits_;
  std::vector<Failed> failures_;
};

}  // namespace alexnode::cuda
