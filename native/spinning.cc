// Sets how long OpenMP's threads spin while they wait for one another. libgomp's default is some
// milliseconds, which suits an otherwise idle machine. If another process uses one of the cores, spinning
// threads keep the others busy, and steps of small nets took 3 to 20 times as long. 1000 spins cost nothing
// on idle cores.
//
// libgomp reads GOMP_SPINCOUNT when it is loaded, with the addon and before any of its code. JavaScript
// cannot set it: in a worker thread and in Bun, process.env is a copy. But the loader asks for the address of
// an indirect function (ifunc) while it relocates the addon, and only then initialises libraries.
#include "spinning.h"

#include <cstdlib>

#ifdef __GLIBC__

namespace {

// Process-wide, like libgomp's settings.
bool is_ours = false;

void unset_spins() {
  if (is_ours) unsetenv("GOMP_SPINCOUNT");
  is_ours = false;
}

// Keeps a value that the user has set.
extern "C" void (*alexnode_choose_spins())() {
  if (!getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY")) {
    is_ours = setenv("GOMP_SPINCOUNT", "1000", 0) == 0;
  }
  return unset_spins;
}

extern "C" [[gnu::ifunc("alexnode_choose_spins")]] void alexnode_chosen_spins();

}  // namespace

#endif

// So that child processes do not inherit it.
void alexnode::stop_choosing_spins() {
#ifdef __GLIBC__
  alexnode_chosen_spins();
#endif
}
