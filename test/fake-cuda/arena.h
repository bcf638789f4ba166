// A device's memory: a range of addresses that is inaccessible except while work runs. Fresh memory reads
// as 0xff, which is NaN; addresses are reused only after the whole range has been, and memory beyond an
// allocation, rounded up to 512 bytes, is inaccessible.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>

namespace fake {

class Arena {
 public:
  Arena();
  Arena(const Arena&) = delete;

  struct Block {
    uint64_t start;  // of its pages
    size_t pages;    // bytes
    size_t bytes;
    int owner;  // whom `open` asks for
  };

  /// Address of the new block, 512-aligned; 0 if there is no room for it.
  uint64_t allocate(size_t bytes, int owner);
  void release(uint64_t address);
  /// Makes the blocks of the owners for which `may` holds accessible, and no others.
  template <class May>
  void open(May may) {
    for (const auto& [address, block] : blocks_) protect(block, may(block.owner));
  }
  void close() {
    open([](int) { return false; });
  }
  bool contains(uint64_t address) const { return address - base_ < kRange; }
  /// Whether a block holds all of these.
  bool holds(uint64_t address, size_t bytes) const;

 private:
  static constexpr size_t kRange = size_t(1) << 40;

  void protect(const Block& block, bool open);
  uint64_t find(size_t pages);

  uint64_t base_, cursor_;
  std::map<uint64_t, Block> blocks_;  // by address
};

}  // namespace fake
