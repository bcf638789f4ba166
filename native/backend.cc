#include "backend.h"

#include <algorithm>

namespace alexnode {

void check_to_record(const std::vector<StreamPtr>& streams) {
  for (auto stream = streams.begin(); stream != streams.end(); ++stream) {
    if ((*stream)->recording()) fail("[record] a program is being recorded on this stream already");
    if (std::find(streams.begin(), stream, *stream) != stream)
      fail("[record] expected streams that differ, got one twice");
  }
}

void check_recorded(const std::vector<StreamPtr>& streams, const std::vector<const Stream*>& recorded) {
  if (recorded.empty()) fail("[record] nothing is being recorded on this device");
  const auto same = [](const StreamPtr& a, const Stream* b) { return a.get() == b; };
  if (!std::equal(streams.begin(), streams.end(), recorded.begin(), recorded.end(), same))
    fail("[record] expected the ", recorded.size(), " streams that beginRecord had, in their order, got ",
         streams.size() == recorded.size() ? "others" : text(streams.size()));
}

}  // namespace alexnode
