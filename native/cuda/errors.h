// Errors that leave a GPU's context unusable: an illegal address, a failed launch, a lost device. CUDA then
// needs a new process, so from then on every call on every CUDA device of this process fails with that error.
// CPU devices and Node keep working.
#pragma once
#include <string>

#include "cuda/api/driver.h"

namespace alexnode::cuda {

/// Throws the error that ended CUDA in this process, if one did.
void refuse_when_lost();

/// Throws if the driver reports such an error after `call` of another library failed. It does not
/// synchronize, because a stream may be capturing.
void check_lost(const Driver& driver, const char* call);

/// The error that ended CUDA in this process, or empty.
std::string why_lost();

}  // namespace alexnode::cuda
