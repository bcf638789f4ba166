// A block's threads as fibers. A thread that never waits costs a call: a fiber runs one thread after another,
// and only where one waits does another fiber go on with the next. Threads take turns in alternating
// directions, so that a barrier that is missing shows whichever neighbour is read.
#include <sys/mman.h>

#include <bit>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "cuda_on_host.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

fake::Extent threadIdx, blockIdx, blockDim, gridDim;

namespace fake {
namespace {

constexpr unsigned kMost = 256, kWarp = 32;
constexpr size_t kStack = 128 << 10, kGuard = 4 << 10;

#if defined(__x86_64__)
// The registers that a call keeps; the rest are the compiler's to save. A ret would be predicted wrongly.
using Context = void*;
extern "C" __attribute__((visibility("hidden"))) void fake_switch(Context* from, Context to);
asm(R"(
.text
.globl fake_switch
.hidden fake_switch
.type fake_switch, @function
fake_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
.size fake_switch, .-fake_switch
)");
void change(Context& from, Context& to) { fake_switch(&from, to); }
void prepare(Context& context, char* stack, void (*entry)()) {
  // As a call leaves it: the stack pointer is 8 off a multiple of 16.
  auto* top = reinterpret_cast<void**>(stack + kStack) - 2;
  *top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  context = top;
}
#else
using Context = ucontext_t;
void change(Context& from, Context& to) { swapcontext(&from, &to); }
void prepare(Context& context, char* stack, void (*entry)()) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = kStack;
  context.uc_link = nullptr;
  makecontext(&context, entry, 0);
}
#endif

struct Fiber {
  Context context;
  char* stack;
  int next_free = -1;
};

struct Thread {
  bool done;
  Collective what;
  int fiber, line, from;
  unsigned mask;
  unsigned long long value, result;
};

struct Block {
  const char* name;
  void (*kernel)(const void* params);
  const void* params;
  unsigned count, started, done, current;
  Thread threads[kMost];
  Extent index[kMost];              // of the threads
  uint64_t ready[kMost / 64];       // those that have waited and can go on
  unsigned waiting[kMost / kWarp];  // lanes that are in a collective
  unsigned at_barrier;
  int barrier_line;
  unsigned cursor;  // the next one whose turn it is
  bool backwards;
};

Block block;
Fiber fibers[kMost];
Context outside;
int free_fiber = -1, running = 0, made = 0;
bool in_grid = false;

[[noreturn]] __attribute__((format(printf, 1, 2))) void give_up(const char* format, ...) {
  std::fprintf(stderr, "fake CUDA: kernel %s, block (%u, %u, %u) of %u threads: ", block.name, blockIdx.x,
               blockIdx.y, blockIdx.z, block.count);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

void become(unsigned thread) {
  block.current = thread;
  threadIdx = block.index[thread];
}

void change_to(Context& from, int fiber) {
  running = fiber;
  change(from, fibers[fiber].context);
}

void live();

int take_fiber() {
  if (free_fiber >= 0) {
    const int taken = free_fiber;
    free_fiber = fibers[taken].next_free;
    return taken;
  }
  void* memory = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuard, PROT_NONE)) give_up("no memory for a thread's stack");
  // Not all at the same place in their pages, or they would drive each other out of the cache.
  fibers[made].stack = static_cast<char*>(memory) + kGuard - made % 16 * 256;
  prepare(fibers[made].context, fibers[made].stack, live);
  return made++;
}

/// Deadlock: reports which thread waits where.
[[noreturn]] void stuck() {
  for (unsigned i = 0; i < block.count; ++i) {
    const Thread& thread = block.threads[i];
    if (block.waiting[i / kWarp] >> i % kWarp & 1)
      give_up("thread %u waits at line %d for lanes %#x of its warp, which do not all come there", i,
              thread.line, thread.mask);
  }
  give_up("%u threads wait at the barrier of line %d, which %u have ended without reaching", block.at_barrier,
          block.barrier_line, block.done);
}

/// The next runnable thread in the direction of this turn; if there is none, of the next turn, in the other
/// direction.
int next_ready() {
  for (int turn = 0; turn < 2; ++turn) {
    for (unsigned at = block.cursor; at < kMost;) {
      const unsigned word = at / 64, bit = at % 64;
      const unsigned place = block.backwards ? kMost / 64 - 1 - word : word;
      const uint64_t bits = block.ready[place];
      const uint64_t left = block.backwards ? bits << bit : bits >> bit;
      if (left) {
        at += unsigned(block.backwards ? std::countl_zero(left) : std::countr_zero(left));
        block.cursor = at + 1;
        return int(block.backwards ? kMost - 1 - at : at);
      }
      at = (word + 1) * 64;
    }
    block.cursor = 0;
    block.backwards = !block.backwards;
  }
  return -1;
}

/// Switches from the running fiber to a runnable one; `own` is where it resumes.
void leave(Context& own) {
  if (block.started < block.count) return change_to(own, take_fiber());
  const int next = next_ready();
  if (next >= 0) {
    block.ready[next / 64] &= ~(uint64_t(1) << next % 64);
    become(unsigned(next));
    if (block.threads[next].fiber != running) change_to(own, block.threads[next].fiber);
  } else if (block.done == block.count) {
    change(own, outside);
  } else {
    stuck();
  }
}

/// Blocks the current thread until it is ready again.
void wait() { leave(fibers[running].context); }

/// A fiber's life: threads that have not begun, then the free list until there is another block.
void live() {
  for (;;) {
    while (block.started < block.count) {
      become(block.started++);
      block.threads[block.current].fiber = running;
      block.kernel(block.params);
      block.threads[block.current].done = true;
      ++block.done;
    }
    fibers[running].next_free = free_fiber;
    free_fiber = running;
    leave(fibers[running].context);
  }
}

/// After a grid that was left in its middle, by a signal: all fibers are as new.
void start_anew() {
  free_fiber = -1;
  for (int i = 0; i < made; ++i) {
    prepare(fibers[i].context, fibers[i].stack, live);
    fibers[i].next_free = free_fiber;
    free_fiber = i;
  }
  for (auto& ready : block.ready) ready = 0;
  for (auto& waiting : block.waiting) waiting = 0;
}

void run_block() {
  block.started = block.done = block.at_barrier = block.cursor = 0;
  block.backwards = true;
  for (unsigned i = 0; i < block.count; ++i) block.threads[i].done = false;
  change_to(outside, take_fiber());
}

}  // namespace

unsigned lane() { return block.current % kWarp; }

void barrier(int line) {
  if (block.at_barrier++ == 0) block.barrier_line = line;
  if (block.barrier_line != line)
    give_up("thread %u is at the barrier of line %d, others at that of line %d", block.current, line,
            block.barrier_line);
  if (block.at_barrier < block.count) return wait();
  block.at_barrier = 0;
  for (unsigned i = 0; i < block.count; i += 64)
    block.ready[i / 64] = block.count - i < 64 ? (uint64_t(1) << (block.count - i)) - 1 : ~uint64_t(0);
  block.ready[block.current / 64] &= ~(uint64_t(1) << block.current % 64);
}

unsigned long long collective(Collective what, unsigned mask, unsigned long long value, int from, int line) {
  const unsigned own = lane(), first = block.current - own;
  Thread* const warp = block.threads + first;
  Thread& self = warp[own];
  if (!(mask >> own & 1)) give_up("line %d: thread %u is not in its own mask %#x", line, block.current, mask);
  self.what = what;
  self.mask = mask;
  self.value = value;
  self.from = from;
  self.line = line;
  unsigned& waiting = block.waiting[first / kWarp];
  waiting |= 1u << own;
  if ((waiting & mask) != mask) {
    wait();
    return self.result;
  }
  unsigned ballot = 0;
  for (unsigned i = 0; i < kWarp; ++i) {
    if (!(mask >> i & 1)) continue;
    if (warp[i].what != what || warp[i].mask != mask || warp[i].line != line)
      give_up("thread %u is at line %d with lanes %#x, thread %u of its warp at line %d with lanes %#x",
              block.current, line, mask, first + i, warp[i].line, warp[i].mask);
    ballot |= unsigned(warp[i].value & 1) << i;
  }
  for (unsigned i = 0; i < kWarp; ++i) {
    Thread& to = warp[i];
    if (!(mask >> i & 1)) continue;
    // The value of a lane outside the mask is undefined.
    const auto read = unsigned(to.from);
    to.result = what == Collective::ballot           ? ballot
                : read < kWarp && (mask >> read & 1) ? warp[read].value
                                                     : ~0ull;
  }
  waiting &= ~mask;
  block.ready[first / 64] |= uint64_t(mask & ~(1u << own)) << first % 64;
  return self.result;
}

extern "C" __attribute__((visibility("default"))) void fake_run_grid(const char* name,
                                                                     void (*kernel)(const void* params),
                                                                     Extent grid, Extent extent,
                                                                     const void* params) {
  if (in_grid) start_anew();
  in_grid = true;
  block.name = name;
  block.kernel = kernel;
  block.params = params;
  block.count = extent.x * extent.y * extent.z;
  blockDim = extent;
  gridDim = grid;
  blockIdx = {0, 0, 0};
  if (block.count == 0 || block.count > kMost) give_up("expected 1 to %u threads", kMost);
  for (unsigned i = 0; i < block.count; ++i)
    block.index[i] = {i % extent.x, i / extent.x % extent.y, i / extent.x / extent.y};
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block();
  in_grid = false;
}

}  // namespace fake
