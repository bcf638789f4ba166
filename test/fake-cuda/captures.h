// Capture of streams into graphs, and what is allowed meanwhile.
#pragma once
#include "objects.h"

namespace fake {

/// 901 if the stream's capture is invalidated already; else 0.
int may_capture(const std::shared_ptr<Stream>& stream);
/// Returns an error, and invalidates the capture, if the stream is captured.
int not_under_capture(const std::shared_ptr<Stream>& stream, const char* call);
/// The same for any capture that is not relaxed, for calls that may wait for the device.
int unsafe_under_capture(const char* call);

/// Recording an event and waiting for it while a capture is involved.
void record_captured(const std::shared_ptr<Stream>& stream, Event& event);
int wait_captured(const std::shared_ptr<Stream>& stream, Event& event);

int begin(const std::shared_ptr<Stream>& stream, int mode);
int end(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>& graph);

}  // namespace fake
