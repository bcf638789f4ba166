// Where CUDA's libraries may lie on this machine.
#pragma once
#include <string>
#include <vector>

namespace alexnode::cuda {

/// Folders, best first; but for `ours`, only such as exist.
struct Places {
  /// What ALEXNODE_CUDA_PATH lists.
  std::vector<std::string> ours;
  /// Where pip, conda and the toolkit's installers put them.
  std::vector<std::string> known;
};

Places find_places();

}  // namespace alexnode::cuda
