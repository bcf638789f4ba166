// Shared by the doubles of the libraries. The driver's double (libcuda.so.1) counts calls, plans failures
// and runs the work of streams; the others reach it through fake.cc, which each is compiled with.
#pragma once
#include <cstddef>
#include <memory>

/// Work on a stream. While it runs, device pointers can be followed as they are; it must not call the driver.
struct FakeWork {
  virtual ~FakeWork() = default;
  virtual void run() = 0;
};

extern "C" {
/// The start of every exported function: counts the call, and returns the error that a test planned, as that
/// library's code, or 0. Without a driver it returns 0.
int fake_call(const char* symbol);
/// Work runs later, in the stream's order; under capture it becomes a node of the graph. Returns an error of
/// the driver's, 0 if there is none: 400 for a stream that there is not.
int fake_enqueue(void* stream, std::shared_ptr<FakeWork> work);
/// The sticky error of the device after an illegal address or the like; else 0.
int fake_sticky();
/// The context that is current in this thread, and that of a stream; null where there is none.
void* fake_context();
void* fake_context_of(void* stream);
/// The ordinal of the device whose context is current; -1 where there is none.
int fake_ordinal();
/// Whether a graph is captured from this stream.
bool fake_is_captured(void* stream);
/// Whether these bytes lie in one live allocation of device memory.
bool fake_is_device(const void* pointer, size_t bytes);
/// Counts a misuse of a library, and reports it on stderr.
void fake_misuse(const char* words);
/// Counts live objects: `kind` is "cudnn handles".
void fake_live(const char* kind, long change);
/// A setting, such as "memory" (ALEXNODE_FAKE_CUDA="devices=2,memory=512M"), or its default.
long long fake_setting(const char* name, long long otherwise);
}

/// A function as work.
template <class F>
std::shared_ptr<FakeWork> fake_work(F f) {
  struct Work final : FakeWork {
    explicit Work(F f) : f(std::move(f)) {}
    void run() override { f(); }
    F f;
  };
  return std::make_shared<Work>(std::move(f));
}
