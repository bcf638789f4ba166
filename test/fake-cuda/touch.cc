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
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL};
struct sigaction previous[3];

bool of_a_device(const void* address) {
  for (const auto& device : State::get().devices)
    if (device->arena.contains(reinterpret_cast<uint64_t>(address))) return true;
  return false;
}

void handle(int signal, siginfo_t* info, void* context) {
  if (running) {
    touched = info->si_addr;
    // Kernels are compiled to end by SIGILL at an address that their type does not permit.
    siglongjmp(before, signal == SIGILL ? kMisaligned : kIllegalAddress);
  }
  const int which = signal == SIGSEGV ? 0 : signal == SIGBUS ? 1 : 2;
  if (signal != SIGILL && of_a_device(info->si_addr)) {
    std::fprintf(stderr, "fake CUDA: the host touched device memory, at %p\n", info->si_addr);
  } else if (const auto& old = previous[which]; old.sa_flags & SA_SIGINFO) {
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
  for (int i : {0, 1, 2}) sigaction(kSignals[i], &action, &previous[i]);
}

int run_touching(FakeWork& work) {
  if (const int error = sigsetjmp(before, 0)) {
    running = false;
    const char* who = who_touches ? who_touches : "work";
    if (error == kMisaligned)
      std::fprintf(stderr, "fake CUDA: %s used a misaligned address\n", who);
    else
      std::fprintf(stderr, "fake CUDA: %s touched %p, which is no memory that its device can touch now\n",
                   who, touched);
    return error;
  }
  running = true;
  who_touches = nullptr;
  work.run();
  running = false;
  return 0;
}

}  // namespace fake
