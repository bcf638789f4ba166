// Recorded commands as a CUDA graph. The graph is captured by the launcher at the first run, on streams of
// its own, so that no other queued work gets into it. Other streams fork from the first and join it again.
#pragma once
#include "cuda/commands.h"
#include "cuda/stream_state.h"

namespace alexnode::cuda {

class CudaProgram final : public Program, public std::enable_shared_from_this<CudaProgram> {
 public:
  explicit CudaProgram(std::vector<std::shared_ptr<StreamState>> streams)
      : streams_(std::move(streams)), gpu_(streams_[0]->gpu) {}
  ~CudaProgram() override;
  void run(Ticket* ticket, Timing timing) override;

  // JavaScript's thread, while it is recorded.
  void add(const StreamState& stream, std::unique_ptr<Command> command);
  size_t record(const StreamState& stream);
  void wait(const StreamState& stream, size_t slot);

  // The launcher's thread.
  void launch(Ticket* ticket, Timing timing);
  /// How many times its ticket is settled: once per stream.
  int parts() const override { return int(streams_.size()); }

 private:
  enum class Kind { command, record, wait };
  struct Entry {
    Kind kind;
    size_t stream, slot;
    std::unique_ptr<Command> command;
  };
  size_t index_of(const StreamState& stream) const;
  void capture();
  /// `mark` is called before and after each command, with its stream.
  void execute_all(const std::vector<CUstream>& streams, const std::function<void(size_t)>& mark = {});
  size_t execute_joined(size_t first, const Launch& launch);
  std::vector<double> profile();
  std::vector<double> spans();

  std::vector<std::shared_ptr<StreamState>> streams_;
  std::shared_ptr<GpuContext> gpu_;  // of the first stream
  std::vector<Entry> entries_;
  size_t slots_ = 0;  // events that are recorded in it
  CUgraphExec exec_ = nullptr;
};

}  // namespace alexnode::cuda
