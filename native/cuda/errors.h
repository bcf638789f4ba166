// Errors after which a GPU's context is of no more use: an illegal address, a launch that failed, a device
// that was lost. The driver wants the process to start anew then, so from there on everything on every CUDA
// device of the process fails with that error, while the CPU's devices and Node live on.
#pragma once
#include <string>

#include "cuda/api/driver.h"

namespace alexnode::cuda {

/// Throws the error that ended CUDA in this process, if one did.
void refuse_when_lost();

/// Throws where the driver knows of such an error, after `call` of another library failed. Nothing is waited
/// for, and a stream may be under capture, where no context can be synchronized.
void check_lost(const Driver& driver, const char* call);

/// What ended CUDA in this process; empty where nothing did.
std::string why_lost();

}  // namespace alexnode::cuda
