// A free list of objects that are reused, such as jobs of a queue, linked by their own `next`. They are
// allocated in blocks: how many are in use at once depends on timing, and a training step must not allocate
// for one more.
#pragma once
#include <array>
#include <memory>
#include <vector>

namespace alexnode {

/// Not thread-safe: its owner's lock guards it.
template <class T>
class Reused {
 public:
  /// An unused object, in the state in which it was given back.
  T* take() {
    if (!free_) {
      blocks_.push_back(std::make_unique<Block>());
      for (T& made : *blocks_.back()) give(&made);
    }
    T* taken = free_;
    free_ = taken->next;
    taken->next = nullptr;
    return taken;
  }
  void give(T* back) {
    back->next = free_;
    free_ = back;
  }
  /// Destroys all of them, those in use included.
  void clear() {
    free_ = nullptr;
    blocks_.clear();
  }

 private:
  using Block = std::array<T, 32>;
  std::vector<std::unique_ptr<Block>> blocks_;
  T* free_ = nullptr;
};

}  // namespace alexnode
