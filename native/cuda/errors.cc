#include "cuda/errors.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

/// ECC, illegal address, time-out, assert, stack, instruction, misaligned address,
/// address space, program counter, launch failed, and the like: sticky errors of the context.
constexpr std::array kStaying = {214, 220, 226, 700, 702, 709, 710, 714,
                                 715, 716, 717, 718, 719, 721, 722, 999};

/// Process-wide: a lost context is lost for every thread.
struct Loss {
  std::atomic<bool> lost{false};
  std::mutex mutex;
  std::string why;
};
Loss& loss() {
  static Loss the_loss;
  return the_loss;
}

std::string name_of(const Driver& driver, int error) {
  const char *name = nullptr, *words = nullptr;
  driver.cuGetErrorName(error, &name);
  driver.cuGetErrorString(error, &words);
  return text(error, " (", name ? name : "an unknown error", words ? text(": ", words) : "", ")");
}

bool stays(int error) { return std::find(kStaying.begin(), kStaying.end(), error) != kStaying.end(); }

const char* remedy(int error) {
  switch (error) {
    case kOutOfMemory:
      return ". Use a smaller batch or net, or close what is not needed";
    case 3:
    case 100:
    case 101:
    case 802:
    case 803:
    case 804:
      return ". `alexnode doctor` looks at the driver and its devices";
    case kNoBinaryForGpu:
    case kUnsupportedPtx:
      return ". Update the driver";
    case 805:
    case 46:
      return ". Another process may hold the GPU for itself: look at nvidia-smi";
    default:
      return ". Close what failed and try it again; `alexnode doctor` looks at the installation";
  }
}

}  // namespace

void check(const Driver& driver, int error, const char* call) {
  if (!error) return;
  const auto what = text("[cuda] ", call, " failed with ", name_of(driver, error));
  if (error == kOutOfMemory) throw OutOfMemory(what + remedy(error));
  if (!stays(error)) throw Error(what + remedy(error));
  auto& l = loss();
  std::lock_guard lock(l.mutex);
  if (!l.lost) {
    l.why = what +
            ". After this every CUDA device of this process is closed: start the process again. What was "
            "saved is whole";
    l.lost = true;
  }
  throw Error(l.why);
}

void check_lost(const Driver& driver, const char* call) {
  size_t available = 0, total = 0;
  if (const int error = driver.cuMemGetInfo_v2(&available, &total); stays(error)) check(driver, error, call);
}

void refuse_when_lost() {
  if (loss().lost) throw Error(why_lost());
}

std::string why_lost() {
  auto& l = loss();
  std::lock_guard lock(l.mutex);
  return l.why;
}

}  // namespace alexnode::cuda
