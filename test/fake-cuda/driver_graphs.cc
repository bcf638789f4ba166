// The driver's double: capture, and graphs.
#include <queue>

#include "captures.h"
#include "objects.h"
#include "queues.h"

namespace fake {

namespace {

/// The nodes in an order that their dependencies allow, and that differs from the one of the calls wherever
/// they do: of those that can run, the latest; by their streams' priorities first, where these count.
std::vector<Node> late_order(const std::vector<Node>& nodes, bool priorities) {
  std::vector<std::vector<int>> followers(nodes.size());
  std::vector<size_t> missing(nodes.size());
  std::priority_queue<std::pair<int, int>> ready;
  const auto is_ready = [&](int i) { ready.push({priorities ? -nodes[size_t(i)].priority : 0, i}); };
  for (size_t i = 0; i < nodes.size(); ++i) {
    missing[i] = nodes[i].after.size();
    for (const int before : nodes[i].after) followers[size_t(before)].push_back(int(i));
    if (!missing[i]) is_ready(int(i));
  }
  std::vector<Node> order;
  while (!ready.empty()) {
    const auto i = size_t(ready.top().second);
    ready.pop();
    order.push_back(nodes[i]);
    for (const int next : followers[i])
      if (--missing[size_t(next)] == 0) is_ready(next);
  }
  return order;
}

}  // namespace

extern "C" {

int cuStreamBeginCapture_v2(CUstream stream, int mode) {
  FAKE_ENTER_CONTEXT(cuStreamBeginCapture_v2);
  const auto on = State::get().streams.find(stream, call);
  return on ? begin(on, mode) : kInvalidHandle;
}

int cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  FAKE_GIVE_BACK(cuStreamEndCapture);
  const auto on = State::get().streams.find(stream, call);
  *graph = nullptr;
  if (!on) return kInvalidHandle;
  std::shared_ptr<Graph> made;
  if (const int error = end(on, made)) return error;
  if (failed) return failed;
  *graph = State::get().graphs.add(made);
  return 0;
}

int cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  FAKE_ENTER_CONTEXT(cuGraphInstantiateWithFlags);
  const auto found = State::get().graphs.find(graph, call);
  if (!found) return kInvalidHandle;
  if (flags & ~kGraphNodePriority) return wrong(kInvalidValue, "cuGraphInstantiateWithFlags: flags");
  auto made = std::make_shared<Exec>();
  made->nodes = std::make_shared<std::vector<Node>>(late_order(found->nodes, flags & kGraphNodePriority));
  *exec = State::get().execs.add(made);
  return 0;
}

int cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  FAKE_ENTER_CONTEXT(cuGraphLaunch);
  const auto found = State::get().execs.find(exec, call);
  const auto on = State::get().streams.find(stream, call);
  if (!found || !on) return kInvalidHandle;
  if (const int error = not_under_capture(on, call)) return error;
  for (const auto& node : *found->nodes)
    if (node.context->gone)
      return wrong(kContextIsDestroyed, "cuGraphLaunch: a context of the graph is gone");
  // Launches of one graph do not overlap, whatever their streams.
  if (found->launched && !found->launched->done) wait_for(on, found->launched);
  enqueue(on, std::make_shared<GraphWork>(found->nodes));
  found->launched = reach(on);
  return 0;
}

int cuGraphExecDestroy(CUgraphExec exec) {
  FAKE_GIVE_BACK(cuGraphExecDestroy);
  if (!State::get().execs.take(exec, call)) return kInvalidHandle;
  return failed;
}

int cuGraphDestroy(CUgraph graph) {
  FAKE_GIVE_BACK(cuGraphDestroy);
  if (!State::get().graphs.take(graph, call)) return kInvalidHandle;
  return failed;
}

}  // extern "C"

}  // namespace fake
