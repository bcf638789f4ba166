// Timed runs of a program. They do not use the graph: events are recorded between the commands.
#include <vector>

#include "cuda/errors.h"
#include "cuda/program.h"
#include "cuda/temporaries.h"

namespace alexnode::cuda {

namespace {

double elapsed(const Driver& d, CUevent from, CUevent to) {
  float milliseconds = 0;
  check(d, d.cuEventElapsedTime(&milliseconds, from, to), "cuEventElapsedTime");
  return double(milliseconds);
}

}  // namespace

/// Milliseconds of each command, run one by one on the first stream.
std::vector<double> CudaProgram::profile() {
  auto& first = *streams_[0];
  const auto& d = first.gpu->driver();
  for (auto& s : streams_)
    if (s->gpu != first.gpu) fail("[program] can be profiled on one GPU alone");
  Temporaries temporaries(d);
  std::vector<CUevent> marks;
  execute_all(std::vector<CUstream>(streams_.size(), first.stream), [&](size_t) {
    marks.push_back(temporaries.event(*first.gpu, kEventBlockingSync));
    check(d, d.cuEventRecord(marks.back(), first.stream), "cuEventRecord");
  });
  if (!marks.empty()) check(d, d.cuEventSynchronize(marks.back()), "cuEventSynchronize");
  std::vector<double> times;
  for (size_t i = 0; i < marks.size(); i += 2) times.push_back(elapsed(d, marks[i], marks[i + 1]));
  return times;
}

/// Beginning and length of each command, stream by stream, with all streams at work as in a run. Only events
/// of the same GPU can be subtracted, so each stream counts from where the first one released it.
std::vector<double> CudaProgram::spans() {
  auto& first = *streams_[0];
  const auto& d = first.gpu->driver();
  Temporaries temporaries(d);
  std::vector<CUstream> streams;
  std::vector<std::vector<CUevent>> marks(streams_.size());
  const auto mark = [&](size_t i) {
    marks[i].push_back(temporaries.event(*streams_[i]->gpu, kEventBlockingSync));
    check(d, d.cuEventRecord(marks[i].back(), streams_[i]->stream), "cuEventRecord");
  };
  for (size_t i = 0; i < streams_.size(); i++) {
    streams.push_back(streams_[i]->stream);
    if (i) temporaries.join(streams[i], *streams_[i]->gpu, first.stream, *first.gpu);
    streams_[i]->gpu->make_current();
    mark(i);
  }
  execute_all(streams, mark);
  std::vector<double> times;
  for (size_t i = 0; i < streams_.size(); i++) {
    streams_[i]->gpu->make_current();
    check(d, d.cuEventSynchronize(marks[i].back()), "cuEventSynchronize");
    for (size_t k = 1; k < marks[i].size(); k += 2) {
      times.push_back(elapsed(d, marks[i][0], marks[i][k]));
      times.push_back(elapsed(d, marks[i][k], marks[i][k + 1]));
    }
  }
  return times;
}

}  // namespace alexnode::cuda
