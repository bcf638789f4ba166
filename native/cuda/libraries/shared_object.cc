#include "cuda/libraries/shared_object.h"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>

#include "error.h"

namespace alexnode::cuda {

namespace {

/// An ELF header of 64 bits, in this machine's byte order; elf.h is not everywhere.
class Header {
 public:
  explicit Header(std::ifstream& file) {
    file.seekg(0);
    file.read(bytes_.data(), bytes_.size());
    read_ = size_t(file.gcount());
  }
  bool elf() const { return read_ == bytes_.size() && !std::memcmp(bytes_.data(), "\177ELF", 4); }
  bool wide() const { return bytes_[4] == 2; }
  uint16_t machine() const { return at<uint16_t>(18); }
  uint64_t segments() const { return at<uint64_t>(32); }
  uint16_t segment_bytes() const { return at<uint16_t>(54); }
  uint16_t segment_count() const { return at<uint16_t>(56); }

 private:
  template <class T>
  T at(size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  std::array<char, 64> bytes_{};
  size_t read_ = 0;
};

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case 3:
      return "x86";
    case 62:
      return "x86-64";
    case 183:
      return "AArch64";
    default:
      return "machine " + std::to_string(machine);
  }
}

/// The end of the file's segments in bytes, or 0 if it cannot be read.
uint64_t length_by_header(std::ifstream& file, const Header& header) {
  uint64_t length = 0;
  for (uint64_t i = 0; i < header.segment_count(); i++) {
    std::array<uint64_t, 7> segment{};  // type and flags, offset, two addresses, file size, memory size, …
    file.clear();
    file.seekg(std::streamoff(header.segments() + i * header.segment_bytes()));
    if (!file.read(reinterpret_cast<char*>(segment.data()), sizeof segment)) return UINT64_MAX;
    length = std::max(length, segment[1] + segment[4]);
  }
  return length;
}

/// What the loader would say badly: of another machine's library it says that there is no such file, and in
/// one that was cut short the process dies by SIGBUS.
std::string problem_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};  // the loader's error says why
  const Header header(file);
  if (!header.elf()) return path + ": not a shared object (it has no ELF header)";
  std::ifstream self_file("/proc/self/exe", std::ios::binary);
  const Header self(self_file);
  if (self.elf() && (!header.wide() || header.machine() != self.machine()))
    return text(path, ": is for ", machine_name(header.machine()), header.wide() ? "" : " (32 bits)",
                ", and this process is for ", machine_name(self.machine()));
  const auto length = length_by_header(file, header);
  file.clear();
  file.seekg(0, std::ios::end);
  if (uint64_t(file.tellg()) < length)
    return text(path, ": is cut short: it has ", uint64_t(file.tellg()),
                " bytes, and its header tells of more");
  return {};
}

}  // namespace

void* open_shared(const std::string& path, std::string& error) {
  if (path.find('/') != std::string::npos)
    if (error = problem_of(path); !error.empty()) return nullptr;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle) return handle;
  const char* words = dlerror();
  error = words ? words : "the loader did not say why";
  return nullptr;
}

void* already_open(const std::string& name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD); }

void* symbol(void* library, const char* name, std::string& error) {
  dlerror();
  void* found = dlsym(library, name);
  if (found) return found;
  const char* words = dlerror();
  error = words ? words : text("undefined symbol: ", name);
  return nullptr;
}

std::string file_of(const void* function) {
  Dl_info info;
  return dladdr(function, &info) && info.dli_fname ? info.dli_fname : "";
}

}  // namespace alexnode::cuda
