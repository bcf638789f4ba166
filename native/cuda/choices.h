// The algorithms chosen for a library's calls on a GPU: found once, by heuristics and timing, then kept in
// the process and on disk. Used only on the launcher's thread.
#pragma once
#include <map>
#include <optional>
#include <string>

namespace alexnode::cuda {

class Choices {
 public:
  /// `key` has everything that the choice depends on: GPU, library, its version, op, dtype, shape.
  std::optional<std::string> find(const std::string& key);
  void keep(const std::string& key, const std::string& choice);

 private:
  std::map<std::string, std::string> known_;
};

}  // namespace alexnode::cuda
