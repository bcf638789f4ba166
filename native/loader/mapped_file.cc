#include "loader/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace alexnode::loader {

namespace {

size_t length(int file, const std::string& path) {
  struct stat info;
  if (fstat(file, &info) != 0) fail("[data] ", path, ": ", std::strerror(errno));
  return size_t(info.st_size);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail("[data] ", path, ": ", std::strerror(errno));
  try {
    bytes_ = length(file_, path);
    if (bytes_ == 0) fail("[data] ", path, " is empty");
    data_ = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file_, 0);
    if (data_ == MAP_FAILED) fail("[data] ", path, " cannot be mapped: ", std::strerror(errno));
  } catch (...) {
    close(file_);
    throw;
  }
  // Images are read in random order, so reading ahead would be wasted.
  madvise(data_, bytes_, MADV_RANDOM);
}

MappedFile::~MappedFile() {
  munmap(data_, bytes_);
  close(file_);
}

std::span<const std::byte> MappedFile::at(size_t offset, size_t bytes) const {
  const size_t now = std::min(bytes_, length(file_, path_));
  if (offset > now || bytes > now - offset)
    fail("expected ", bytes, " bytes at ", offset, ", and the file has ", now, ": it was cut short");
  return {static_cast<const std::byte*>(data_) + offset, bytes};
}

}  // namespace alexnode::loader
