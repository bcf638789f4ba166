// A memory-mapped file: pages are read when they are touched, and the system may drop them.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace alexnode::loader {

class MappedFile {
 public:
  /// Throws with the system's message if the file cannot be opened, is empty, or cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Bytes of the file. Touching a page beyond the file's end would kill the process, so its length is
  /// checked again: throws if the bytes are not there, or no longer there.
  std::span<const std::byte> at(size_t offset, size_t bytes) const;

 private:
  std::string path_;
  int file_ = -1;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace alexnode::loader
