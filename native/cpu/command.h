// What a CPU stream's thread executes, one after another.
#pragma once
#include <memory>
#include <vector>

namespace alexnode::cpu {

struct Command {
  virtual ~Command() = default;
  virtual void execute() = 0;
  /// True if it runs even after a failure, so that no other stream waits for ever.
  virtual bool always() const { return false; }
};

using Commands = std::vector<std::unique_ptr<Command>>;

}  // namespace alexnode::cpu
