#include "loader/stored_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error.h"

namespace alexnode::loader {

namespace {

struct stat info_of(int file, const std::string& path) {
  struct stat info;
  if (fstat(file, &info) != 0) fail("[data] ", path, ": ", std::strerror(errno));
  return info;
}

}  // namespace

StoredFile::StoredFile(const std::string& path) : path_(path) {
  // Not blocking: to open a pipe would wait for its writer.
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) fail("[data] ", path, ": ", std::strerror(errno));
  try {
    const auto info = info_of(file_, path);
    if (!S_ISREG(info.st_mode)) fail("[data] ", path, " is not a regular file");
    if (info.st_size == 0) fail("[data] ", path, " is empty");
  } catch (...) {
    close(file_);
    throw;
  }
#ifdef POSIX_FADV_RANDOM
  // Images are read in random order, so reading ahead would be wasted.
  posix_fadvise(file_, 0, 0, POSIX_FADV_RANDOM);
#endif
}

StoredFile::~StoredFile() { close(file_); }

void StoredFile::expect(size_t offset, size_t bytes) const {
  const auto now = size_t(info_of(file_, path_).st_size);
  if (offset > now || bytes > now - offset)
    fail("expected ", bytes, " bytes at ", offset, ", and the file has ", now, ": it was cut short");
}

void StoredFile::read(std::span<std::byte> to, size_t offset) const {
  for (size_t done = 0; done < to.size();) {
    // Linux reads at most 2 GiB at a time.
    const size_t part = std::min(to.size() - done, size_t(1) << 30);
    const ssize_t got = pread(file_, to.data() + done, part, off_t(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("[data] ", path_, ": ", std::strerror(errno));
    if (got == 0) {
      expect(offset, to.size());
      fail("expected ", to.size(), " bytes at ", offset, ", got ", done, ": the file changes");
    }
    done += size_t(got);
  }
}

}  // namespace alexnode::loader
