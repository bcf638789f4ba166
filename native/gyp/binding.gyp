# For prebuildify: node-gyp only passes the build on to CMake, since CMakeLists.txt alone knows the
# sources and flags. scripts/prebuilds.cjs puts this at the root of a copy: where it lies at the root
# of a package, package managers run node-gyp at every install. Paths stay relative, since gyp cannot
# handle an action whose output has a space in its path. One action: make may run two at once.
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
