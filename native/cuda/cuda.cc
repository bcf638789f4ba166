#include "cuda/cuda.h"

#include "cuda/errors.h"

namespace alexnode::cuda {

namespace {

void require(const Report& report) {
  if (report.complete()) return;
  std::string what;
  for (const auto& r : report.libraries)
    if (r.state != State::ready && r.name != "nccl")
      what += text(what.empty() ? "" : "; ", r.file, ": ", r.error.empty() ? "was not found" : r.error);
  if (what.empty()) what = "the driver lists no GPU";
  fail("[device] CUDA cannot be used here: ", what, ". `alexnode doctor` says what mends it");
}

/// Opened once for the whole process: they cannot be closed or opened again. After a failure the next call
/// tries again.
const Libraries& libraries(const Refused& refused) {
  static std::mutex mutex;
  static std::unique_ptr<const Libraries> opened;
  std::lock_guard lock(mutex);
  if (!opened) {
    auto found = std::make_unique<const Libraries>(open_libraries({}, refused));
    require(found->report);
    opened = std::move(found);
  }
  return *opened;
}

}  // namespace

Cuda::Cuda(std::shared_ptr<Mailbox> mailbox, Refused refused)
    : launcher_(std::make_shared<Launcher>(std::move(mailbox))), refused_(std::move(refused)) {
  launcher_->start();
}

void Cuda::open(int ordinal, const Options& options, Ticket* ticket) {
  const bool queued = launcher_->push([&](Job& job) {
    job.ticket = ticket;
    job.work = [launcher = launcher_, gpus = gpus_, refused = refused_, ordinal, options, ticket] {
      refuse_when_lost();
      const auto& opened = libraries(refused);
      std::lock_guard lock(gpus->mutex);
      auto gpu = gpus->open[ordinal].lock();
      if (!gpu) gpus->open[ordinal] = gpu = std::make_shared<GpuContext>(opened, ordinal);
      ticket->device = std::make_shared<CudaDevice>(gpu, launcher, options);
    };
  });
  if (!queued) fail("[device] the environment is ending");
}

}  // namespace alexnode::cuda
