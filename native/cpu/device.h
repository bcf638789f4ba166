// The CPU as a device: host memory in slabs, counted, and streams that are threads.
#pragma once
#include "backend.h"

namespace alexnode::cpu {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
  MemoryPtr allocate(size_t bytes, bool staging) override;
  MemoryInfo memory() const override;
  StreamPtr stream(const StreamOptions& options) override;
  EventPtr event() override;
  void begin_record(const std::vector<StreamPtr>& streams) override;
  ProgramPtr end_record(const std::vector<StreamPtr>& streams, bool keep) override;
  bool recording() const override { return recording_ != nullptr; }
  void close(Ticket* ticket) override { mailbox_->settle(ticket); }

 private:
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<MemoryCount> count_ = std::make_shared<MemoryCount>();
  std::shared_ptr<class CpuProgram> recording_;
};

/// What this CPU is and can do.
struct CpuInfo {
  std::string onednn, isa;
  bool bf16, fast_bf16;
};
CpuInfo describe();

/// Channels per block in the image layout that oneDNN prefers: as many as a vector of this CPU has lanes.
int block_channels();

/// Prepares a kernel of op number `op` of the op table; `fields` is that op's struct. Throws if the CPU has
/// none.
KernelPtr make(size_t op, const void* fields, Specs specs);

}  // namespace alexnode::cpu
