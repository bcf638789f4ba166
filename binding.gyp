# node-gyp (and so prebuildify, and node-gyp-build's fallback) only passes the build on to CMake:
# CMakeLists.txt alone knows the sources and flags. Paths stay relative, since gyp cannot handle
# an action whose output has a space in its path.
{
  "variables": {
    "jobs": "<!(node -p \"process.env.JOBS || os.availableParallelism()\")"
  },
  "targets": [{
    "target_name": "alexnode",
    "type": "none",
    "actions": [{
      "action_name": "configure",
      "inputs": ["CMakeLists.txt"],
      "outputs": ["build/cmake/CMakeCache.txt"],
      "action": ["cmake", "-S", ".", "-B", "build/cmake", "-DCMAKE_BUILD_TYPE=<(CONFIGURATION_NAME)"]
    }, {
      "action_name": "compile",
      "inputs": ["build/cmake/CMakeCache.txt"],
      "outputs": ["<(PRODUCT_DIR)/alexnode.node"],
      "action": ["cmake", "--build", "build/cmake", "--parallel", "<(jobs)"]
    }]
  }]
}
