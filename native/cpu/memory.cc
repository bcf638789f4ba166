#include "cpu/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

namespace alexnode::cpu {

namespace {

constexpr size_t kHugePage = size_t(2) << 20;

class HostMemory final : public Memory {
 public:
  HostMemory(size_t size, std::shared_ptr<MemoryCount> count) : count_(std::move(count)) {
    bytes = size;
    // Large slabs lie on huge pages: 244 MB of weights are 120 pages and not 60,000. Fresh pages are zero.
    const size_t align = size >= kHugePage ? kHugePage : 4096;
    mapped_ = (size + align - 1) / align * align + (align > 4096 ? align : 0);
    map_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map_ == MAP_FAILED)
      throw OutOfMemory(text("[memory] could not get ", size, " bytes: ", std::strerror(errno)));
    data = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(map_) + align - 1) / align * align);
    if (align > 4096) madvise(data, size, MADV_HUGEPAGE);
    const auto live = count_->bytes += int64_t(size);
    for (auto peak = count_->peak.load(); live > peak && !count_->peak.compare_exchange_weak(peak, live);) {
    }
    count_->blocks++;
  }
  ~HostMemory() override {
    munmap(map_, mapped_);
    count_->bytes -= int64_t(bytes);
    count_->blocks--;
  }

 private:
  std::shared_ptr<MemoryCount> count_;
  void* map_;
  size_t mapped_;
};

}  // namespace

MemoryPtr allocate_host(size_t bytes, std::shared_ptr<MemoryCount> count) {
  return std::make_shared<HostMemory>(bytes, std::move(count));
}

bool is_cpu_memory(const Memory& memory) { return dynamic_cast<const HostMemory*>(&memory); }

int64_t total_memory() { return int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

// The kernel's estimate, or less if the control group allows less.
int64_t available_memory() {
  int64_t available = INT64_MAX;
  std::ifstream info("/proc/meminfo");
  std::string key;
  for (int64_t kb; info >> key >> kb;) {
    if (key == "MemAvailable:") available = kb * 1024;
    info.ignore(64, '\n');
  }
  int64_t limit = 0, used = 0;
  if (std::ifstream max("/sys/fs/cgroup/memory.max"), now("/sys/fs/cgroup/memory.current");
      max >> limit && now >> used)
    available = std::min(available, limit - used);
  if (available == INT64_MAX) available = total_memory();
  return available;
}

}  // namespace alexnode::cpu
