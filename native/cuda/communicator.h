// One GPU's place among those of a group of processes: a communicator of NCCL. It does not block, and a
// thread of its own makes it, watches it, and gives it back. Where a rank is gone or too late it aborts it,
// which ends the kernels that wait on the GPU: what ran on them then fails, and nothing hangs.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "cuda/gpu.h"
#include "ticket.h"

namespace alexnode::cuda {

/// What a communicator is made of.
struct CommunicatorPlace {
  int rank = 0, size = 0;
  ncclUniqueId id{};
  /// So long may the ranks take to come, and a collective to end.
  int64_t timeout_ms = 0;
};

class Communicator {
 public:
  class Core;

  /// `opened` settles when all ranks have come, or failed to.
  Communicator(std::shared_ptr<GpuContext> gpu, const CommunicatorPlace& place,
               std::shared_ptr<Mailbox> mailbox, Ticket* opened);
  /// Begins to give it back, which may have to wait for graphs that use it.
  ~Communicator();
  Communicator(const Communicator&) = delete;

  /// A number that names it in ops, never used twice.
  int64_t id() const { return id_; }
  int size() const;
  int ordinal() const;
  /// On the launcher's thread.
  void all_reduce(void* data, size_t count, DType dtype, CUstream stream) const;
  void broadcast(void* data, size_t bytes, int root, CUstream stream) const;
  /// Ends all that waits, with an error. Any thread.
  void abort() const;
  /// Why it ended, or empty.
  std::string failure() const;
  const std::shared_ptr<Core>& core() const { return core_; }

  /// The communicator of this number. Throws if it is closed.
  static std::shared_ptr<Communicator> of(int64_t id);
  /// Lets `of` find it, while somebody holds it.
  static void list(const std::shared_ptr<Communicator>& one);
  /// Lets go of `last`; the ticket settles when all is given back, or at once where an op still uses it.
  static void close(std::shared_ptr<Communicator> last, Mailbox& mailbox, Ticket* ticket);
  /// Waits, for some seconds, until it is given back.
  static void wait_for(Core& core);

 private:
  std::shared_ptr<Core> core_;
  int64_t id_;
};

/// A new unique id, for the ranks of one communicator. It may take a moment.
ncclUniqueId unique_id(const GpuContext& gpu);

/// Throws, in plain words, where NCCL is missing or does not fit.
void require_nccl(const Libraries& libraries);

}  // namespace alexnode::cuda
