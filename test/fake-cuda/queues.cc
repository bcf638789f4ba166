#include "queues.h"

#include "touch.h"

namespace fake {

namespace {

const Device* open_for = nullptr;
bool open_all = false;

void open_memory(const Device* device, bool all) {
  if (open_for == device && open_all == all) return;
  auto& state = State::get();
  std::map<int, bool> may;
  for (const auto& [id, weak] : state.pools_by_id)
    if (const auto pool = weak.lock()) may[id] = all || pool->open_to.contains(device->ordinal);
  for (const auto& one : state.devices) one->arena.open([&](int pool) { return may[pool]; });
  open_for = device;
  open_all = all;
}

/// Runs the stream's queue until it has reached the token, or to its end.
void drain(const std::shared_ptr<Stream>& stream, const Token* until) {
  while (!stream->queue.empty() && !(until && until->done)) {
    // Taken out before it runs, so that a failure in the middle does not run it twice.
    const Item item = std::move(stream->queue.front());
    stream->queue.pop_front();
    if (item.waits && !item.waits->done)
      if (const auto other = item.waits->stream.lock()) drain(other, item.waits.get());
    if (item.work) run(*item.work, stream->context);
    if (item.reaches) {
      item.reaches->done = true;
      item.reaches->when = Clock::now();
    }
  }
  if (stream->destroyed && stream->queue.empty()) std::erase(stream->context->streams, stream);
}

int finished() {
  close_memory();
  // What pools hold without need, above what they may keep, goes back to the device.
  for (const auto& [id, weak] : State::get().pools_by_id)
    if (const auto pool = weak.lock()) pool->trim(pool->keep);
  return fake_sticky();
}

void at_once(const std::shared_ptr<Stream>& stream) {
  if (!fake_setting("eager", 0)) return;
  drain(stream, nullptr);
  close_memory();
}

}  // namespace

void close_memory() {
  if (!open_for) return;
  for (const auto& one : State::get().devices) one->arena.close();
  open_for = nullptr;
}

void run(FakeWork& work, const std::shared_ptr<Context>& context) {
  auto& control = Control::get();
  if (control.sticky()) return;
  if (dynamic_cast<GraphWork*>(&work)) return work.run();
  if (dynamic_cast<HostWork*>(&work)) return work.run();
  if (const int error = control.work()) return control.make_sticky(error);
  open_memory(context->device, dynamic_cast<CopyWork*>(&work));
  if (const int error = run_touching(work)) control.make_sticky(error);
}

void GraphWork::run() {
  for (const auto& node : *nodes) fake::run(*node.work, node.context);
}

void enqueue(const std::shared_ptr<Stream>& stream, WorkPtr work) {
  if (const auto& capture = stream->capture) {
    capture->nodes.push_back({std::move(work), stream->context, stream->after, stream->priority});
    stream->after = {int(capture->nodes.size()) - 1};
    return;
  }
  stream->queue.push_back({std::move(work), nullptr, nullptr});
  at_once(stream);
}

TokenPtr reach(const std::shared_ptr<Stream>& stream) {
  auto token = std::make_shared<Token>();
  token->stream = stream;
  stream->queue.push_back({nullptr, token, nullptr});
  at_once(stream);
  return token;
}

void wait_for(const std::shared_ptr<Stream>& stream, TokenPtr token) {
  stream->queue.push_back({nullptr, nullptr, std::move(token)});
}

int finish(const TokenPtr& token) {
  if (const auto stream = token->stream.lock()) drain(stream, token.get());
  return finished();
}

int finish(const std::shared_ptr<Stream>& stream) {
  drain(stream, nullptr);
  return finished();
}

int finish(const std::shared_ptr<Context>& context) {
  // The newest first, and a copy, because those that were destroyed leave the list.
  const auto streams = context->streams;
  for (auto i = streams.rbegin(); i != streams.rend(); ++i) drain(*i, nullptr);
  return finished();
}

}  // namespace fake

#pragma GCC visibility push(default)
extern "C" int fake_enqueue(void* handle, std::shared_ptr<FakeWork> work) {
  auto& state = fake::State::get();
  const std::lock_guard lock(state.mutex);
  if (const int error = fake_sticky()) return error;
  const auto stream = state.streams.find(static_cast<fake::CUstream>(handle), "fake_enqueue");
  if (!stream) return fake::kInvalidHandle;
  fake::enqueue(stream, std::move(work));
  return 0;
}
extern "C" void* fake_context() { return fake::current_context; }
extern "C" void* fake_context_of(void* handle) {
  auto& state = fake::State::get();
  const std::lock_guard lock(state.mutex);
  const auto stream = state.streams.find(static_cast<fake::CUstream>(handle), "fake_context_of");
  if (!stream) return nullptr;
  for (const auto& [context, object] : state.contexts.all())
    if (object == stream->context) return context;
  return nullptr;
}
extern "C" int fake_ordinal() {
  auto& state = fake::State::get();
  const std::lock_guard lock(state.mutex);
  const auto context = state.contexts.peek(fake::current_context);
  return context ? context->device->ordinal : -1;
}
extern "C" bool fake_is_captured(void* handle) {
  auto& state = fake::State::get();
  const std::lock_guard lock(state.mutex);
  const auto stream = state.streams.peek(static_cast<fake::CUstream>(handle));
  return stream && stream->capture;
}
#pragma GCC visibility pop
