// How long OpenMP's threads wait awake for one another. libgomp's own choice is some milliseconds, as if
// nobody else wanted the cores: where another process has one of them, a thread then keeps the other busy
// with waiting, and steps of small nets took from 3 to 20 times as long. 1000 turns cost nothing on quiet
// cores.
//
// libgomp reads GOMP_SPINCOUNT when it is loaded, with the addon and before any of its code. JavaScript
// cannot set it: in a worker thread and in Bun, process.env is a copy. But the loader asks for the address of
// an indirect function (ifunc) while it relocates the addon, and only then initialises libraries.
#include "spinning.h"

#include <cstdlib>

#ifdef __GLIBC__

namespace {

// Of the process, as libgomp's settings are.
bool is_ours = false;

void unset_spins() {
  if (is_ours) unsetenv("GOMP_SPINCOUNT");
  is_ours = false;
}

// What the user has set holds.
extern "C" void (*alexnode_choose_spins())() {
  if (!getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY")) {
    is_ours = setenv("GOMP_SPINCOUNT", "1000", 0) == 0;
  }
  return unset_spins;
}

extern "C" [[gnu::ifunc("alexnode_choose_spins")]] void alexnode_chosen_spins();

}  // namespace

#endif

// Child processes see nothing of it.
void alexnode::stop_choosing_spins() {
#ifdef __GLIBC__
  alexnode_chosen_spins();
#endif
}
