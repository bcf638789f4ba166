// Capture of streams into graphs: what it permits.
#pragma once
#include "objects.h"

namespace fake {

/// 901 where the stream's capture is spoilt already; else 0.
int may_capture(const std::shared_ptr<Stream>& stream);
/// An error, which spoils the capture, where the stream is in one.
int not_under_capture(const std::shared_ptr<Stream>& stream, const char* call);
/// The same for any capture that is not relaxed, for calls that may wait for the device.
int unsafe_under_capture(const char* call);

/// What a record of, and a wait for, an event mean where a capture is involved.
void record_captured(const std::shared_ptr<Stream>& stream, Event& event);
int wait_captured(const std::shared_ptr<Stream>& stream, Event& event);

int begin(const std::shared_ptr<Stream>& stream, int mode);
int end(const std::shared_ptr<Stream>& stream, std::shared_ptr<Graph>& graph);

}  // namespace fake
