// The connections of one process to all others of its group, by Gloo over TCP.
#pragma once
#include <gloo/context.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace alexnode::gloo {

class Buffer;

/// Buffers whose waits can be ended from another thread: Gloo itself lets them wait for the whole time limit.
class Buffers {
 public:
  void add(Buffer* buffer);
  void remove(Buffer* buffer);
  void abort();
  bool aborted() const { return aborted_; }

 private:
  std::mutex mutex_;
  std::set<Buffer*> all_;
  std::atomic<bool> aborted_ = false;
};

class Mesh final : public ::gloo::Context {
 public:
  Mesh(int rank, int size, const std::string& host, std::chrono::milliseconds timeout);
  std::vector<char> address(int peer);
  void connect(int peer, const std::vector<char>& address);
  void abort();

 private:
  Buffers buffers_;
};

}  // namespace alexnode::gloo
