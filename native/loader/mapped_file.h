// A file that is read by memory map: pages come as they are touched, and stay the system's to drop.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace alexnode::loader {

class MappedFile {
 public:
  /// Throws with the system's words where the file cannot be opened, is empty, or cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Bytes of the file. Touching a page that the file has lost since would end the process, so its length
  /// is asked for again: throws where they are not there, or not there any more.
  std::span<const std::byte> at(size_t offset, size_t bytes) const;

 private:
  std::string path_;
  int file_ = -1;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace alexnode::loader
