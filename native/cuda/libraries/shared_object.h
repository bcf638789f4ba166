// Opens one shared object, with an error that says what is wrong with the file.
#pragma once
#include <string>

namespace alexnode::cuda {

/// Opens a file by its path, or, given a bare name, what the system's loader finds under it. Null when that
/// fails; `error` then says why.
void* open_shared(const std::string& path, std::string& error);

/// What is in the process already under this name, or null.
void* already_open(const std::string& name);

/// A function of an open library, or null, with the loader's words in `error`.
void* symbol(void* library, const char* name, std::string& error);

/// The file that a function came from.
std::string file_of(const void* function);

}  // namespace alexnode::cuda
