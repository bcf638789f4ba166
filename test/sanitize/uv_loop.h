// The loop of uv.cc.
#pragma once
#include <condition_variable>
#include <mutex>

#include "uv.h"

struct uv_loop_s {
  std::mutex mutex;
  std::condition_variable wake;
  bool sent = false;
  uv_async_s* async = nullptr;
  /// Waits until the handle was sent, and calls its callback.
  void turn();
};
