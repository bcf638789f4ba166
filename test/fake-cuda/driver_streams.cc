// The driver's double: streams and events.
#include <algorithm>

#include "captures.h"
#include "objects.h"
#include "queues.h"

namespace fake {

namespace {
constexpr unsigned kKnownEventFlags = kEventBlockingSync | kEventDisableTiming;
}

extern "C" {

int cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  FAKE_ENTER_CONTEXT(cuStreamCreateWithPriority);
  if (flags > kStreamNonBlocking) return wrong(kInvalidValue, "cuStreamCreateWithPriority: flags");
  auto made = std::make_shared<Stream>();
  made->context = context;
  made->priority = std::clamp(priority, kGreatestPriority, kLeastPriority);
  context->streams.push_back(made);
  *stream = State::get().streams.add(made);
  return 0;
}

int cuStreamDestroy_v2(CUstream stream) {
  FAKE_GIVE_BACK(cuStreamDestroy_v2);
  const auto gone = State::get().streams.take(stream, call);
  if (!gone) return kInvalidHandle;
  if (gone->capture) gone->capture->broken = true;
  // What is in its queue still runs.
  gone->destroyed = true;
  if (gone->queue.empty()) std::erase(gone->context->streams, gone);
  return failed;
}

int cuStreamSynchronize(CUstream stream) {
  FAKE_ENTER_CONTEXT(cuStreamSynchronize);
  const auto found = State::get().streams.find(stream, call);
  if (!found) return kInvalidHandle;
  if (const int error = not_under_capture(found, call)) return error;
  if (const int error = unsafe_under_capture(call)) return error;
  Control::get().count("waits that spin", 1);
  return finish(found);
}

int cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  FAKE_ENTER_CONTEXT(cuStreamWaitEvent);
  const auto on = State::get().streams.find(stream, call);
  const auto found = State::get().events.find(event, call);
  if (!on || !found) return kInvalidHandle;
  if (flags) return wrong(kInvalidValue, "cuStreamWaitEvent: flags");
  if (const int error = may_capture(on)) return error;
  if (on->capture || found->captured) return wait_captured(on, *found);
  if (found->reached) wait_for(on, found->reached);
  return 0;
}

int cuEventCreate(CUevent* event, unsigned flags) {
  FAKE_ENTER_CONTEXT(cuEventCreate);
  if (flags & ~kKnownEventFlags) return wrong(kInvalidValue, "cuEventCreate: flags");
  auto made = std::make_shared<Event>();
  made->context = context;
  made->timing = !(flags & kEventDisableTiming);
  made->blocking = flags & kEventBlockingSync;
  *event = State::get().events.add(made);
  return 0;
}

int cuEventDestroy_v2(CUevent event) {
  FAKE_GIVE_BACK(cuEventDestroy_v2);
  if (!State::get().events.take(event, call)) return kInvalidHandle;
  return failed;
}

int cuEventRecord(CUevent event, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuEventRecord);
  const auto found = State::get().events.find(event, call);
  const auto on = State::get().streams.find(stream, call);
  if (!found || !on) return kInvalidHandle;
  if (found->context != on->context)
    return wrong(kInvalidHandle, "cuEventRecord: event and stream are of different contexts");
  if (const int error = may_capture(on)) return error;
  if (on->capture) {
    record_captured(on, *found);
    return 0;
  }
  found->captured = false;
  found->reached = reach(on);
  return 0;
}

int cuEventSynchronize(CUevent event) {
  FAKE_ENTER_CONTEXT(cuEventSynchronize);
  const auto found = State::get().events.find(event, call);
  if (!found) return kInvalidHandle;
  if (found->captured) {
    if (const auto capture = found->capture.lock()) capture->broken = true;
    return wrong(kCapturedEvent, "cuEventSynchronize: the event was recorded under capture");
  }
  if (const int error = unsafe_under_capture(call)) return error;
  if (!found->blocking) Control::get().count("waits that spin", 1);
  return found->reached ? finish(found->reached) : 0;
}

int cuEventElapsedTime(float* milliseconds, CUevent from, CUevent to) {
  FAKE_ENTER_CONTEXT(cuEventElapsedTime);
  const auto first = State::get().events.find(from, call), last = State::get().events.find(to, call);
  if (!first || !last) return kInvalidHandle;
  if (first->context != last->context || !first->timing || !last->timing || !first->reached || !last->reached)
    return wrong(kInvalidHandle, "cuEventElapsedTime: of other contexts, without timing, or never recorded");
  if (!first->reached->done || !last->reached->done) return kNotReady;
  *milliseconds =
      std::chrono::duration<float, std::milli>(last->reached->when - first->reached->when).count();
  return 0;
}

}  // extern "C"

}  // namespace fake
