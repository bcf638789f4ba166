// How a library's double reaches the driver's, which was opened before it. Not part of the driver's.
#include "fake.h"

#include <dlfcn.h>

namespace {
template <class F>
F* of_driver(const char* name) {
  static void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  return driver ? reinterpret_cast<F*>(dlsym(driver, name)) : nullptr;
}
}  // namespace

#define FORWARD(name, otherwise, ...)                          \
  static const auto driver = of_driver<decltype(name)>(#name); \
  if (!driver) return otherwise;                               \
  return driver(__VA_ARGS__)

#pragma GCC visibility push(hidden)
extern "C" {
int fake_call(const char* symbol) { FORWARD(fake_call, 0, symbol); }
int fake_enqueue(void* stream, std::shared_ptr<FakeWork> work) {
  FORWARD(fake_enqueue, 400, stream, std::move(work));
}
int fake_sticky() { FORWARD(fake_sticky, 0); }
void* fake_context() { FORWARD(fake_context, nullptr); }
void* fake_context_of(void* stream) { FORWARD(fake_context_of, nullptr, stream); }
int fake_ordinal() { FORWARD(fake_ordinal, -1); }
bool fake_is_captured(void* stream) { FORWARD(fake_is_captured, false, stream); }
bool fake_is_device(const void* pointer, size_t bytes) { FORWARD(fake_is_device, false, pointer, bytes); }
void fake_misuse(const char* words) { FORWARD(fake_misuse, , words); }
void fake_live(const char* kind, long change) { FORWARD(fake_live, , kind, change); }
long long fake_setting(const char* name, long long otherwise) {
  FORWARD(fake_setting, otherwise, name, otherwise);
}
}
#pragma GCC visibility pop
