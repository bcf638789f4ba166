#include "cpu/event.h"

#include <algorithm>
#include <cstdint>

#include "wait.h"

namespace alexnode::cpu {

void CpuEvent::Gate::reach(uint64_t value) {
  std::lock_guard lock(mutex_);
  count_ = std::max(count_, value);
  changed_.notify_all();
}

void CpuEvent::Gate::pass() {
  std::lock_guard lock(mutex_);
  count_++;
  changed_.notify_all();
}

std::chrono::nanoseconds CpuEvent::Gate::await(uint64_t value) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  if (count_ >= value) return {};
  const auto begin = Clock::now();
  wait_on(changed_, lock, [&] { return count_ >= value; });
  return Clock::now() - begin;
}

}  // namespace alexnode::cpu
