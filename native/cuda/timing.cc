#include "cuda/timing.h"

namespace alexnode::cuda {

Temporary::Temporary(const Target& target, size_t bytes) : launch_(target.launch), bytes_(bytes) {
  if (!bytes) return;
  const auto& driver = launch_.libraries.driver;
  const int error = driver.cuMemAllocFromPoolAsync(&at_, bytes, target.pool, launch_.stream);
  if (error == kOutOfMemory) {
    at_ = 0;
    return;
  }
  check(driver, error, "cuMemAllocFromPoolAsync");
  if (const int e = driver.cuMemsetD8Async(at_, 0, bytes, launch_.stream)) {
    driver.cuMemFreeAsync(at_, launch_.stream);
    check(driver, e, "cuMemsetD8Async");
  }
}

Temporary::~Temporary() {
  if (at_) launch_.libraries.driver.cuMemFreeAsync(at_, launch_.stream);
}

Clock::Clock(const Launch& launch) : launch_(launch) {
  const auto& driver = launch_.libraries.driver;
  check(driver, driver.cuEventCreate(&from_, kEventBlockingSync), "cuEventCreate");
  if (const int error = driver.cuEventCreate(&to_, kEventBlockingSync)) {
    end();
    check(driver, error, "cuEventCreate");
  }
}

Clock::~Clock() { end(); }

void Clock::end() noexcept {
  for (auto event : {from_, to_})
    if (event) launch_.libraries.driver.cuEventDestroy_v2(event);
}

void Clock::start() {
  const auto& driver = launch_.libraries.driver;
  check(driver, driver.cuEventRecord(from_, launch_.stream), "cuEventRecord");
}

float Clock::stop() {
  const auto& driver = launch_.libraries.driver;
  check(driver, driver.cuEventRecord(to_, launch_.stream), "cuEventRecord");
  check(driver, driver.cuEventSynchronize(to_), "cuEventSynchronize");
  float milliseconds = 0;
  check(driver, driver.cuEventElapsedTime(&milliseconds, from_, to_), "cuEventElapsedTime");
  return milliseconds;
}

}  // namespace alexnode::cuda
