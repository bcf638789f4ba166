// NVIDIA's driver and the GPUs that it lists.
#pragma once
#include "cuda/api/driver.h"
#include "cuda/libraries/opener.h"

namespace alexnode::cuda {

/// Opens the driver, initialises it, and adds it and its GPUs to the report.
void open_driver(const Opener& opener, Driver& driver, Report& report);

}  // namespace alexnode::cuda
