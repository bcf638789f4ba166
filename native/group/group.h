// A process's place in a group of processes that train one net, and the collectives between them. Ops of
// several devices and threads use one group at a time; calls with the same tag must not overlap.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dtype.h"
#include "gloo/api.h"

namespace alexnode {

class Group {
 public:
  /// @param library the shared object of native/gloo
  Group(const std::string& library, int rank, int size, const std::string& host, int64_t timeout_ms);
  ~Group();
  Group(const Group&) = delete;

  /// A number that names it in ops, never used twice.
  int64_t id() const { return id_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// By peer: where this process awaits it.
  std::string address(int peer) const;
  /// Connects to all others. It blocks.
  void connect(const std::vector<std::string>& addresses);
  void all_reduce(void* data, size_t count, DType dtype, uint32_t tag) const;
  void broadcast(void* data, size_t bytes, int root, uint32_t tag) const;
  /// Ends all that blocks, with an error.
  void abort() const { api_->abort(mesh_); }

  /// The group of this number. Throws if it is closed.
  static std::shared_ptr<Group> of(int64_t id);
  /// Lets `of` find it, while somebody holds it.
  static void list(const std::shared_ptr<Group>& group);

 private:
  const GlooApi* api_;
  void* mesh_;
  int64_t id_;
  int rank_, size_;
};

}  // namespace alexnode
