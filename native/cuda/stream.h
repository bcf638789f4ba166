// JavaScript's side of a CUDA stream. Each call becomes a job of the launcher or, while a program is
// recorded, a command of the program.
#pragma once
#include "cuda/commands.h"
#include "cuda/stream_state.h"

namespace alexnode::cuda {

class CudaProgram;
class CudaDevice;

class CudaStream final : public Stream {
 public:
  CudaStream(const CudaDevice* device, std::shared_ptr<StreamState> state);
  ~CudaStream() override { abandon(); }
  void prepare(size_t op, std::shared_ptr<void> fields, Specs specs, Ticket* ticket) override;
  void run(std::shared_ptr<Kernel> kernel, std::vector<Place> slots, Place scratch) override;
  void copy(Place to, Place from, size_t bytes) override;
  void read(Place from, size_t bytes, Ticket* ticket) override;
  void record(EventPtr event) override;
  void wait(EventPtr event) override;
  void synchronize(Ticket* ticket) override;
  void close(Ticket* ticket) override;
  void abandon() override;
  bool recording() const override { return recording_ != nullptr; }
  bool reaches(const Memory& memory) const override;

  void begin_record(CudaProgram* program) { recording_ = program; }
  void end_record() { recording_ = nullptr; }
  const std::shared_ptr<StreamState>& state() const { return state_; }

 private:
  template <class Fill>
  void push(Fill&& fill);
  bool is_own(const Memory& memory) const;
  void submit(std::unique_ptr<Command> command);
  const CudaDevice* owner_;
  std::shared_ptr<StreamState> state_;
  CudaProgram* recording_ = nullptr;
};

}  // namespace alexnode::cuda
