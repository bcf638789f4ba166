#include "captures.h"

namespace fake {

namespace {

int spoil(Capture& capture, const char* call) {
  capture.broken = true;
  return wrong(kCaptureUnsupported, std::string(call) + ": not under capture");
}

template <class F>
int spoil_where(F which, const char* call) {
  int error = 0;
  for (const auto& weak : State::get().captures)
    if (const auto capture = weak.lock(); capture && which(*capture)) error = spoil(*capture, call);
  return error;
}

/// All nodes that these follow, and they themselves.
std::set<int> with_ancestors(const Capture& capture, const std::set<int>& last) {
  std::set<int> found = last;
  // Nodes only follow earlier ones.
  for (int i = int(capture.nodes.size()) - 1; i >= 0; --i)
    if (found.contains(i))
      found.insert(capture.nodes[size_t(i)].after.begin(), capture.nodes[size_t(i)].after.end());
  return found;
}

}  // namespace

int may_capture(const std::shared_ptr<Stream>& stream) {
  return stream->capture && stream->capture->broken ? kCaptureInvalidated : 0;
}

int not_under_capture(const std::shared_ptr<Stream>& stream, const char* call) {
  return stream->capture ? spoil(*stream->capture, call) : 0;
}

int unsafe_under_capture(const char* call) {
  const auto self = std::this_thread::get_id();
  return spoil_where(
      [&](const Capture& capture) {
        return capture.mode == 0 || (capture.mode == 1 && capture.thread == self);
      },
      call);
}

void record_captured(const std::shared_ptr<Stream>& stream, Event& event) {
  event.reached = nullptr;
  event.capture = stream->capture;
  event.captured = true;
  event.after = stream->after;
}

int wait_captured(const std::shared_ptr<Stream>& stream, Event& event) {
  const auto capture = event.capture.lock();
  if (event.captured && !capture)
    return wrong(kCapturedEvent, "cuStreamWaitEvent: the event was recorded in a capture that has ended");
  if (!capture) {
    if (!event.reached) return 0;
    stream->capture->broken = true;
    return wrong(kCaptureIsolation, "cuStreamWaitEvent: under capture, for work outside of it");
  }
  if (stream->capture && stream->capture != capture) {
    stream->capture->broken = capture->broken = true;
    return wrong(kCaptureMerge, "cuStreamWaitEvent: for work of another capture");
  }
  if (!stream->capture) {
    stream->capture = capture;
    stream->after.clear();
    capture->streams.push_back(stream);
  }
  stream->after.insert(event.after.begin(), event.after.end());
  return 0;
}

int begin(const std::shared_ptr<Stream>& stream, int mode) {
  if (stream->capture) return wrong(kIllegalState, "cuStreamBeginCapture_v2: it is under capture already");
  if (mode < 0 || mode > 2) return wrong(kInvalidValue, "cuStreamBeginCapture_v2: the mode");
  auto capture = std::make_shared<Capture>();
  capture->origin = stream;
  capture->thread = std::this_thread::get_id();
  capture->mode = mode;
  capture->streams = {stream};
  stream->capture = capture;
  stream->after.clear();
  auto& captures = State::get().captures;
  std::erase_if(captures, [](const auto& weak) { return weak.expired(); });
  captures.push_back(capture);
  return 0;
}

int end(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>& graph) {
  const auto capture = stream->capture;
  if (!capture) return wrong(kIllegalState, "cuStreamEndCapture: not under capture");
  if (capture->mode != kCaptureRelaxed && capture->thread != std::this_thread::get_id())
    return wrong(kCaptureWrongThread, "cuStreamEndCapture: from another thread");
  int error = capture->broken ? kCaptureInvalidated : 0;
  if (!error && stream != capture->origin) {
    capture->broken = true;
    return wrong(kCaptureUnmatched, "cuStreamEndCapture: of another stream than it began with");
  }
  const auto joined = with_ancestors(*capture, capture->origin->after);
  if (!error && joined.size() != capture->nodes.size())
    error = wrong(kCaptureUnjoined, "cuStreamEndCapture: work of another stream that is not waited for");
  for (const auto& one : capture->streams) {
    one->capture = nullptr;
    one->after.clear();
  }
  capture->streams.clear();
  capture->origin = nullptr;
  if (error) return error;
  graph = std::make_shared<Graph>();
  graph->nodes = std::move(capture->nodes);
  return 0;
}

}  // namespace fake
