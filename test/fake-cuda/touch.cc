#include "touch.h"

#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "objects.h"

namespace fake {

thread_local const char* who_touches = nullptr;

namespace {

thread_local bool running = false;
thread_local sigjmp_buf before;
thread_local void* touched = nullptr;
struct sigaction previous[2];

bool of_a_device(const void* address) {
  for (const auto& device : State::get().devices)
    if (device->arena.contains(reinterpret_cast<uint64_t>(address))) return true;
  return false;
}

void handle(int signal, siginfo_t* info, void* context) {
  if (running) {
    touched = info->si_addr;
    siglongjmp(before, 1);
  }
  if (of_a_device(info->si_addr)) {
    std::fprintf(stderr, "fake CUDA: the host touched device memory, at %p\n", info->si_addr);
  } else if (const auto& old = previous[signal == SIGBUS]; old.sa_flags & SA_SIGINFO) {
    return old.sa_sigaction(signal, info, context);
  } else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN) {
    return old.sa_handler(signal);
  }
  // Where this returns, the same happens again, and now ends the process.
  std::signal(signal, SIG_DFL);
}

}  // namespace

void watch_memory() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, &previous[0]);
  sigaction(SIGBUS, &action, &previous[1]);
}

bool run_touching(FakeWork& work) {
  if (sigsetjmp(before, 0)) {
    running = false;
    std::fprintf(stderr, "fake CUDA: %s touched %p, which is no memory that its device can touch now\n",
                 who_touches ? who_touches : "work", touched);
    return false;
  }
  running = true;
  who_touches = nullptr;
  work.run();
  running = false;
  return true;
}

}  // namespace fake
