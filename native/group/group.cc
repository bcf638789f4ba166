#include "group/group.h"

#include <dlfcn.h>

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "error.h"

namespace alexnode {

namespace {

const GlooApi* open_library(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail("[group] ", dlerror());
  const auto give = reinterpret_cast<const GlooApi* (*)()>(dlsym(library, "alexnode_gloo"));
  const auto* api = give ? give() : nullptr;
  if (!api || api->version != kGlooVersion)
    fail("[group] ", path, ": expected one of this version of alexnode, got another one: build it again");
  return api;
}

std::atomic<int64_t> last_id = 0;
std::mutex mutex;
std::unordered_map<int64_t, std::weak_ptr<Group>>& groups() {
  static auto* all = new std::unordered_map<int64_t, std::weak_ptr<Group>>();
  return *all;
}

}  // namespace

Group::Group(const std::string& library, int rank, int size, const std::string& host, int64_t timeout_ms)
    : api_(open_library(library)), id_(++last_id), rank_(rank), size_(size) {
  char error[kGlooWords];
  mesh_ = api_->open(rank, size, host.c_str(), timeout_ms, error);
  if (!mesh_) fail("[group] cannot listen on ", host, ": ", error);
}

Group::~Group() {
  {
    std::lock_guard lock(mutex);
    groups().erase(id_);
  }
  api_->close(mesh_);
}

std::string Group::address(int peer) const {
  char error[kGlooWords], bytes[kGlooAddress];
  size_t count = 0;
  if (!api_->address(mesh_, peer, bytes, &count, error)) fail("[group] ", error);
  return {bytes, count};
}

void Group::connect(const std::vector<std::string>& addresses) {
  char error[kGlooWords];
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_) continue;
    const auto& address = addresses[size_t(peer)];
    if (!api_->connect(mesh_, peer, address.data(), address.size(), error))
      fail("[group] rank ", rank_, " cannot connect to rank ", peer, ": ", error);
  }
}

void Group::all_reduce(void* data, size_t count, DType dtype, uint32_t tag) const {
  char error[kGlooWords];
  if (!api_->all_reduce(mesh_, data, count, dtype == DType::bf16, tag, error))
    fail("[group] all_reduce on rank ", rank_, ": ", error);
}

void Group::broadcast(void* data, size_t bytes, int root, uint32_t tag) const {
  char error[kGlooWords];
  if (!api_->broadcast(mesh_, data, bytes, root, tag, error))
    fail("[group] broadcast on rank ", rank_, ": ", error);
}

std::shared_ptr<Group> Group::of(int64_t id) {
  std::lock_guard lock(mutex);
  const auto found = groups().find(id);
  auto group = found == groups().end() ? nullptr : found->second.lock();
  if (!group) fail("[group] there is no group ", id, ", or it is closed");
  return group;
}

void Group::list(const std::shared_ptr<Group>& group) {
  std::lock_guard lock(mutex);
  groups()[group->id()] = group;
}

}  // namespace alexnode
