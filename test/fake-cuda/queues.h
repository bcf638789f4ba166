// Streams: work waits in queues until something synchronises, and then no more of it is run than that needs.
#pragma once
#include "objects.h"

namespace fake {

/// Puts work at a stream's end, or into the graph that is captured from it.
void enqueue(const std::shared_ptr<Stream>& stream, WorkPtr work);
/// A place at the stream's end.
TokenPtr reach(const std::shared_ptr<Stream>& stream);
void wait_for(const std::shared_ptr<Stream>& stream, TokenPtr token);

/// Run what is needed, and return the sticky error, if there is one.
int finish(const TokenPtr& token);
int finish(const std::shared_ptr<Stream>& stream);
int finish(const std::shared_ptr<Context>& context);

/// Runs one piece of work with the memory that the context's device can access.
void run(FakeWork& work, const std::shared_ptr<Context>& context);
/// Closes all memory again; `run` leaves it open for the next.
void close_memory();

/// Work that touches every device: copies between them.
struct CopyWork : FakeWork {};
/// Work that touches no device memory.
struct HostWork : FakeWork {};
/// Work that is more work: a graph.
struct GraphWork : FakeWork {
  explicit GraphWork(std::shared_ptr<const std::vector<Node>> nodes) : nodes(std::move(nodes)) {}
  void run() override;
  std::shared_ptr<const std::vector<Node>> nodes;
};

}  // namespace fake
