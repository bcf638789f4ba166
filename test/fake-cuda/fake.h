// Between the driver's double and the doubles of the libraries, which find these functions in it by dlsym.
#pragma once
#include <memory>

/// Something that runs on a stream, in its turn.
struct FakeWork {
  virtual ~FakeWork() = default;
  virtual void run() = 0;
};

extern "C" {
/// Every exported function begins with it: counts the call, and returns the error that it shall give, or 0.
int fake_call(const char* symbol);
}
/// Runs it later, in the stream's order; under capture it becomes a node of the graph.
extern "C" void fake_enqueue(void* stream, std::shared_ptr<FakeWork> work);
