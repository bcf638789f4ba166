// Waiting on a condition variable, without the one symbol of it that GCC 12 made new: the prebuilt addon then
// loads wherever oneDNN's library does, which takes the libstdc++ of GCC 11 (GLIBCXX_3.4.29, RHEL 9).
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace alexnode {

template <class Ready>
void wait_on(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, Ready ready) {
  while (!ready()) condition.wait_for(lock, std::chrono::hours(24));
}

}  // namespace alexnode
