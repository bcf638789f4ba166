// What the shared object libalexnode_gloo gives: plain functions over one handle. It is compiled apart, since
// it links to libgloo, which most systems lack; the addon opens it when a group of processes is joined, and
// not before. Functions that can fail give false or null, and put words into `error`, which holds kGlooWords
// bytes.
#pragma once
#include <cstddef>
#include <cstdint>

namespace alexnode {

constexpr size_t kGlooWords = 512;
/// Bytes of an address at most.
constexpr size_t kGlooAddress = 192;
constexpr int kGlooVersion = 1;

struct GlooApi {
  int version;
  /// Of this process in a group. `host` is the address that it listens on.
  void* (*open)(int rank, int size, const char* host, int64_t timeout_ms, char* error);
  /// Writes the address at which this process awaits `peer`.
  bool (*address)(void* mesh, int peer, char* bytes, size_t* count, char* error);
  /// Connects to `peer`, which awaits this process at that address. It blocks.
  bool (*connect)(void* mesh, int peer, const char* bytes, size_t count, char* error);
  /// Sums `count` numbers of all processes, in place; bf16: true, else f32. It blocks.
  bool (*all_reduce)(void* mesh, void* data, size_t count, bool bf16, uint32_t tag, char* error);
  /// Sends the bytes of process `root` to all others. It blocks.
  bool (*broadcast)(void* mesh, void* data, size_t bytes, int root, uint32_t tag, char* error);
  /// Ends all calls that block, with an error, from any thread.
  void (*abort)(void* mesh);
  /// No call may be under way.
  void (*close)(void* mesh);
};

}  // namespace alexnode

/// The one symbol of the shared object.
extern "C" const alexnode::GlooApi* alexnode_gloo();
