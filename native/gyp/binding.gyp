# node-gyp (and so prebuildify, and node-gyp-build's fallback) only passes the build on to CMake:
# CMakeLists.txt alone knows the sources and flags. Paths stay relative, since gyp cannot handle
# an action whose output has a space in its path. One action: make may run two at once.
{
  "variables": {
    "jobs": "<!(node -p \"process.env.JOBS || os.availableParallelism()\")"
  },
  "targets": [{
    "target_name": "alexnode",
    "type": "none",
    "actions": [{
      "action_name": "cmake",
      "inputs": ["CMakeLists.txt"],
      "outputs": ["<(PRODUCT_DIR)/alexnode.node"],
      "action": ["sh", "-c", "cmake -S . -B build/cmake -DCMAKE_BUILD_TYPE=<(CONFIGURATION_NAME) && cmake --build build/cmake --parallel <(jobs)"]
    }]
  }]
}
