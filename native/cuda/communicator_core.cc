#include "cuda/communicator_core.h"

#ifdef __linux__
#include <pthread.h>
#endif

#include <algorithm>

namespace alexnode::cuda {

namespace {

using namespace std::chrono_literals;

/// Between two looks at a communicator that does nothing but wait.
constexpr auto kBeat = 100ms;
/// NCCL's own threads do what a call began: at first that is soon done.
constexpr auto kShortest = 50us, kLongest = 2000us;

const char* remedy_of_nccl(int result) {
  switch (result) {
    case kNcclUnhandledCudaError:
      return ". `alexnode doctor` looks at the driver and its libraries";
    case kNcclSystemError:
    case kNcclRemoteError:
      return ". Look at the network between the machines: with NCCL_DEBUG=INFO NCCL says more, and "
             "NCCL_SOCKET_IFNAME names the interface to use";
    case kNcclInvalidUsage:
      return ". Give each rank a GPU of its own, and the same version of NCCL; with NCCL_DEBUG=WARN it says "
             "more";
    default:
      return ". With NCCL_DEBUG=INFO in its environment NCCL says more: please report it";
  }
}

}  // namespace

Communicator::Core::Core(std::shared_ptr<GpuContext> gpu, const CommunicatorPlace& wanted,
                         std::shared_ptr<Mailbox> mailbox)
    : place(wanted),
      ordinal(gpu->gpu.ordinal),
      gpu_(std::move(gpu)),
      nccl_(gpu_->libraries.nccl),
      mailbox_(std::move(mailbox)),
      timeout_(wanted.timeout_ms) {}

std::string Communicator::Core::where() const {
  return text("on rank ", place.rank, " (cuda:", ordinal, ")");
}

std::string Communicator::Core::words_of(int result, const char* name) const {
  const char* words = nccl_.ncclGetErrorString(result);
  const char* last = nccl_.ncclGetLastError(comm_);
  return text("[group] ", name, " ", where(), " failed with ", result, " (",
              words ? words : "an unknown error", last && *last ? ": " : "", last ? last : "", ")",
              remedy_of_nccl(result));
}

/// `mutex_` is held.
void Communicator::Core::break_off(const std::string& why) {
  if (failed_.empty()) {
    failed_ = why;
    gpu_->waits.fail(this, why);
    changed_.notify_all();
  }
  throw Error(why);
}

void Communicator::Core::check(int result, const char* name) {
  if (result && result != kNcclInProgress) break_off(words_of(result, name));
}

void Communicator::Core::settle_call(std::unique_lock<std::mutex>& lock, int result, const char* name) {
  check(result, name);
  const auto end = Clock::now() + timeout_;
  for (std::chrono::microseconds wait = kShortest; result == kNcclInProgress;
       wait = std::min<std::chrono::microseconds>(wait * 2, kLongest)) {
    if (Clock::now() >= end)
      break_off(text("[group] ", name, " ", where(), " did not end within ", double(place.timeout_ms) / 1000,
                     " s: another rank is not there, hangs, or is slower than that"));
    // A failure ends it sooner; then NCCL's part is not touched again.
    changed_.wait_for(lock, wait, [&] { return !failed_.empty(); });
    if (!failed_.empty()) throw Error(failed_);
    int state = 0;
    check(nccl_.ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
    check(state, name);
    result = state;
  }
}

void Communicator::Core::enqueue(const char* what, const char* name,
                                 const std::function<int(ncclComm_t)>& call) {
  std::unique_lock lock(mutex_);
  if (!failed_.empty()) throw Error(failed_);
  if (!comm_) throw Error(text("[group] ", what, " ", where(), ": the GPUs are not connected"));
  what_ = what;
  settle_call(lock, call(comm_), name);
}

void Communicator::Core::fail(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!failed_.empty() || given_back_) return;
  failed_ = why;
  gpu_->waits.fail(this, why);
  changed_.notify_all();
}

void Communicator::Core::abort() {
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = text("[group] ", what_, " ", where(), ": it was ended here");
  }
  fail(why);
}

std::string Communicator::Core::failure() {
  std::lock_guard lock(mutex_);
  return failed_;
}

void Communicator::Core::close() {
  std::lock_guard lock(mutex_);
  closing_ = true;
  changed_.notify_all();
}

bool Communicator::Core::settle(Ticket* closed) {
  std::lock_guard lock(mutex_);
  if (given_back_) return false;
  closed_ = closed;
  return true;
}

Ticket* Communicator::Core::unsettle() {
  std::lock_guard lock(mutex_);
  return std::exchange(closed_, nullptr);
}

bool Communicator::Core::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto end = Clock::now() + time;
  while (!given_back_ && Clock::now() < end) changed_.wait_for(lock, kBeat);
  return given_back_;
}

void Communicator::Core::open() {
  gpu_->make_current();
  std::unique_lock lock(mutex_);
  if (!failed_.empty()) throw Error(failed_);
  NcclConfig config;
  const int result = nccl_.ncclCommInitRankConfig(&comm_, place.size, place.id, place.rank, &config);
  settle_call(lock, result, "ncclCommInitRankConfig");
}

void Communicator::Core::watch() {
  std::unique_lock lock(mutex_);
  while (failed_.empty() && !closing_) {
    changed_.wait_for(lock, kBeat);
    if (!failed_.empty() || closing_) break;
    int state = 0;
    check(nccl_.ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
    check(state, what_);
    if (gpu_->waits.longer_than(timeout_))
      break_off(text("[group] ", what_, " ", where(), " did not end within ", double(place.timeout_ms) / 1000,
                     " s: another rank hangs, or is slower than that"));
  }
}

/// All ranks take leave, so that none ends while another still needs it. False if it was not well.
bool Communicator::Core::finalize() noexcept {
  try {
    std::unique_lock lock(mutex_);
    if (!failed_.empty() || !comm_) return false;
    settle_call(lock, nccl_.ncclCommFinalize(comm_), "ncclCommFinalize");
    return true;
  } catch (...) {
    return false;
  }
}

void Communicator::Core::end() noexcept {
  // The context is current since `open`.
  const bool well = finalize();
  // From here on nobody else touches it: where it is not well, `failed_` keeps them off.
  if (comm_ && (!well || nccl_.ncclCommDestroy(comm_))) nccl_.ncclCommAbort(comm_);
  gpu_->driver().cuCtxSetCurrent(nullptr);
}

void Communicator::Core::run(Ticket* opened) noexcept {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode-nccl");
#endif
  Failure failure;
  try {
    open();
  } catch (const std::exception& error) {
    failure = Failure(error);
    fail(failure.words);
  }
  mailbox_->settle(opened, failure);
  if (failure.empty()) {
    try {
      watch();
    } catch (const std::exception&) {
      // Those who use it are told.
    }
  }
  end();
  {
    // What failed is told until the last user is gone.
    std::unique_lock lock(mutex_);
    while (!closing_) changed_.wait_for(lock, kBeat);
  }
  gpu_->waits.forget(this);
  gpu_.reset();
  Ticket* ticket = nullptr;
  {
    std::lock_guard lock(mutex_);
    given_back_ = true;
    ticket = std::exchange(closed_, nullptr);
    changed_.notify_all();
  }
  if (ticket) mailbox_->settle(ticket);
}

}  // namespace alexnode::cuda
