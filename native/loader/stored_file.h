// A file of which parts are read by several threads. It is not mapped into memory: where a file is cut short
// while it is read, a mapping kills the process.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace alexnode::loader {

class StoredFile {
 public:
  /// Throws with the system's message if the file cannot be opened, is empty, or is no regular file.
  explicit StoredFile(const std::string& path);
  ~StoredFile();
  StoredFile(const StoredFile&) = delete;
  StoredFile& operator=(const StoredFile&) = delete;

  /// Fills `to` with the bytes from `offset` on. Throws if the file does not have them, any more or at all.
  void read(std::span<std::byte> to, size_t offset) const;
  /// Throws if the file does not have these bytes now, so that a size in a damaged record takes no memory.
  void expect(size_t offset, size_t bytes) const;

 private:
  std::string path_;
  int file_ = -1;
};

}  // namespace alexnode::loader
