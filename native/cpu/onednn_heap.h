// oneDNN takes a few small blocks from the heap each time a primitive runs (its list of arguments, closures
// of its threads), and offers no allocator to change that. While a PooledHeap is alive, what oneDNN asks for
// on that thread, and on its workers, comes from a pool instead, so that a training step allocates nothing:
// its time does not depend on an allocator, and it fragments no heap.
#pragma once

namespace alexnode::cpu {

class PooledHeap {
 public:
  PooledHeap();
  ~PooledHeap();
  PooledHeap(const PooledHeap&) = delete;
};

}  // namespace alexnode::cpu
