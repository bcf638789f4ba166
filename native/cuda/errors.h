// Errors after which a GPU's context is of no more use: an illegal address, a launch that failed, a device
// that was lost. The driver wants the process to start anew then, so from there on everything on every CUDA
// device of the process fails with that error, while the CPU's devices and Node live on.
#pragma once
#include <string>

namespace alexnode::cuda {

/// Throws the error that ended CUDA in this process, if one did.
void refuse_when_lost();

/// What ended CUDA in this process; empty where nothing did.
std::string why_lost();

}  // namespace alexnode::cuda
