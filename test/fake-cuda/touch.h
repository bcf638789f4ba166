// Access to memory that is not allowed: in a kernel it is an illegal address, as on a GPU; elsewhere it ends
// the process with a message.
#pragma once
#include "fake.h"

namespace fake {

void watch_memory();
/// Who accesses memory, for messages; kernels set it to their name while they run.
extern thread_local const char* who_touches;
// CUresult
inline constexpr int kIllegalAddress = 700, kMisaligned = 716;
/// One of these where the work touched what is not open to it, or not so; else 0.
int run_touching(FakeWork& work);

}  // namespace fake
