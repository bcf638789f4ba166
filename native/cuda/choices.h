// Which algorithm of a library suits which shape on a GPU: found once, by heuristics and by timing, then kept
// in the process and on disk. The launcher's thread alone uses it.
#pragma once
#include <map>
#include <optional>
#include <string>

namespace alexnode::cuda {

class Choices {
 public:
  /// `key` says all that the choice hangs on: GPU, library, its version, op, dtype, shape.
  std::optional<std::string> find(const std::string& key);
  void keep(const std::string& key, const std::string& choice);

 private:
  std::map<std::string, std::string> known_;
};

}  // namespace alexnode::cuda
