// Host memory for buffers, counted, and how much of it is left.
#pragma once
#include <cstdint>
#include <memory>

#include "backend.h"

namespace alexnode::cpu {

/// Zero-filled bytes from the system. Throws if there are not enough.
MemoryPtr allocate_host(size_t bytes, std::shared_ptr<MemoryCount> count);

bool is_cpu_memory(const Memory& memory);

/// What can still be allocated, in bytes.
int64_t available_memory();
int64_t total_memory();

}  // namespace alexnode::cpu
