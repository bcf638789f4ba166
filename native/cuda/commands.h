// The commands of a stream, executed on the launcher's thread.
#pragma once
#include <memory>
#include <vector>

#include "backend.h"
#include "cuda/kernel.h"

namespace alexnode::cuda {

/// One command of a stream.
struct Command {
  virtual ~Command() = default;
  virtual void execute(const Launch& launch) = 0;
};

/// One run of a prepared op.
struct RunCommand final : Command {
  RunCommand(std::shared_ptr<Kernel> k, std::vector<Place> places, Place s)
      : kernel(std::move(k)), slots(std::move(places)), scratch(std::move(s)) {
    for (auto& p : slots) pointers.push_back(p.data());
  }
  void execute(const Launch& launch) override { kernel->run({pointers.data(), scratch.data(), &launch}); }
  std::shared_ptr<Kernel> kernel;
  std::vector<Place> slots;
  Place scratch;
  std::vector<void*> pointers;
};

}  // namespace alexnode::cuda
