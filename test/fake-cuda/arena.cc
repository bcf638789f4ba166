#include "arena.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fake {

namespace {

constexpr size_t kPage = 4096, kAlignment = 512, kPoison = size_t(16) << 20;

size_t round_up(size_t value, size_t to) { return (value + to - 1) / to * to; }

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

/// A file of 0xff, of which fresh memory is a private copy, page by page as it is written.
int poison() {
  static const int file = [] {
    const int made = memfd_create("fake-cuda-poison", MFD_CLOEXEC);
    if (made < 0 || posix_fallocate(made, 0, kPoison)) give_up("fake CUDA: poison");
    void* all = mmap(nullptr, kPoison, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (all == MAP_FAILED) give_up("fake CUDA: poison");
    std::memset(all, 0xff, kPoison);
    munmap(all, kPoison);
    return made;
  }();
  return file;
}

void forbid(uint64_t start, size_t bytes) {
  const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (mmap(pointer(start), bytes, PROT_NONE, how, -1, 0) == MAP_FAILED) give_up("fake CUDA: device memory");
}

}  // namespace

Arena::Arena() {
  void* all = mmap(nullptr, kRange, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) give_up("fake CUDA: addresses for device memory");
  base_ = cursor_ = reinterpret_cast<uint64_t>(all);
}

/// Room for pages and one that stays closed behind them, from the cursor on or from the start again.
uint64_t Arena::find(size_t pages) {
  const uint64_t end = base_ + kRange;
  for (int round = 0; round < 2; ++round) {
    auto next = blocks_.lower_bound(cursor_);
    for (;;) {
      const uint64_t limit = next == blocks_.end() ? end : next->second.start;
      if (cursor_ + pages + kPage <= limit) return cursor_;
      if (next == blocks_.end()) break;
      cursor_ = next->second.start + next->second.pages + kPage;
      ++next;
    }
    cursor_ = base_;
  }
  return 0;
}

uint64_t Arena::allocate(size_t bytes, int owner) {
  const size_t used = round_up(bytes, kAlignment), pages = round_up(used, kPage);
  const uint64_t start = find(pages);
  if (!start) return 0;
  for (size_t at = 0; at < pages; at += kPoison) {
    const size_t part = pages - at < kPoison ? pages - at : kPoison;
    const int how = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
    if (mmap(pointer(start + at), part, PROT_NONE, how, poison(), 0) == MAP_FAILED) {
      forbid(start, pages);
      return 0;
    }
  }
  cursor_ = start + pages + kPage;
  const uint64_t address = start + pages - used;
  blocks_[address] = {start, pages, bytes, owner};
  return address;
}

void Arena::release(uint64_t address) {
  const auto found = blocks_.find(address);
  if (found == blocks_.end()) return;
  forbid(found->second.start, found->second.pages);
  blocks_.erase(found);
}

void Arena::protect(const Block& block, bool open) {
  if (mprotect(pointer(block.start), block.pages, open ? PROT_READ | PROT_WRITE : PROT_NONE))
    give_up("fake CUDA: mprotect");
}

bool Arena::holds(uint64_t address, size_t bytes) const {
  auto next = blocks_.upper_bound(address);
  if (next == blocks_.begin()) return false;
  const auto& [start, block] = *--next;
  return address - start <= block.bytes && bytes <= block.bytes - (address - start);
}

}  // namespace fake
