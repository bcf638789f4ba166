#include "loader/loader.h"

#include <pthread.h>

#include "loader/crc32.h"
#include "wait.h"

namespace alexnode::loader {

/// Outlives the Loader until its threads have ended.
struct Loader::State {
  explicit State(std::shared_ptr<Mailbox> m) : mailbox(std::move(m)) {}

  /// A batch in flight. These objects are reused.
  struct Work {
    Batch batch;
    Ticket* ticket = nullptr;
    size_t begun = 0, done = 0;
    Failure failure;  // of the first record that failed; the rest is left out
    Work* next = nullptr;
  };

  std::shared_ptr<Mailbox> mailbox;
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::unique_ptr<Work>> all;
  Work *free = nullptr, *first = nullptr, *last = nullptr;  // queued: those with records left to begin
  bool closed = false;

  void loop();
  /// What a thread keeps between records.
  struct Kept {
    std::unique_ptr<JpegDecoder> decoder;
    std::vector<std::byte> bytes;  // of a JPEG
  };
  void read(const Batch& batch, size_t i, Kept& kept);
  void finish(Work& work);
};

void Loader::State::read(const Batch& batch, size_t i, Kept& kept) {
  const auto& [file, offset, bytes, crc] = batch.records[i];
  std::byte* to = batch.to.data() + i * batch.shape.bytes();
  file->expect(offset, bytes);
  if (batch.jpeg && kept.bytes.size() < bytes) kept.bytes.resize(bytes);
  const std::span from(batch.jpeg ? kept.bytes.data() : to, bytes);
  file->read(from, offset);
  if (crc >= 0 && crc32(from) != crc)
    fail("expected the checksum ", crc, ", got ", crc32(from), ": it was altered");
  if (!batch.jpeg) return;
  if (!kept.decoder) kept.decoder = std::make_unique<JpegDecoder>();
  kept.decoder->decode(from, to, batch.shape);
}

void Loader::State::finish(Work& work) {
  // First, so that who is told can count on the memory being back.
  work.batch.records.clear(), work.batch.to = {};
  mailbox->settle(work.ticket, work.failure);
  work.next = free;
  free = &work;
}

void Loader::State::loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "alexnode-load");
#endif
  Kept kept;
  std::unique_lock lock(mutex);
  for (;;) {
    wait_on(wake, lock, [&] { return closed || first; });
    if (closed) return;
    Work& work = *first;
    const size_t i = work.begun++;
    if (work.begun == work.batch.records.size()) {
      first = work.next;
      if (!first) last = nullptr;
    }
    const bool skip = !work.failure.empty();
    lock.unlock();
    Failure failure;
    try {
      if (!skip) read(work.batch, i, kept);
    } catch (const std::exception& e) {
      failure = Failure(e);
      failure.record = i;
    } catch (...) {
      failure = "failed with an error that is not a std::exception";
      failure.record = i;
    }
    lock.lock();
    if (work.failure.empty()) work.failure = failure;
    if (++work.done == work.batch.records.size()) finish(work);
  }
}

Loader::Loader(std::shared_ptr<Mailbox> mailbox, int threads)
    : state_(std::make_shared<State>(std::move(mailbox))) {
  for (int i = 0; i < threads; i++) {
    try {
      state_->mailbox->start_thread("data", [state = state_] { state->loop(); });
    } catch (...) {
      abandon();
      throw;
    }
  }
}

Loader::~Loader() {
  std::lock_guard lock(state_->mutex);
  state_->closed = true;
  for (State::Work *work = state_->first, *next; work; work = next) {
    next = work->next;
    // Records that are being read are waited for: they write to the batch's memory.
    work->done += work->batch.records.size() - work->begun;
    if (work->failure.empty()) work->failure = "[data] the loader was closed before this was read";
    if (work->done == work->batch.records.size()) state_->finish(*work);
  }
  state_->first = state_->last = nullptr;
  state_->wake.notify_all();
}

void Loader::load(const std::function<void(Batch&)>& fill, Ticket* ticket) {
  std::lock_guard lock(state_->mutex);
  if (!state_->free) {
    state_->all.push_back(std::make_unique<State::Work>());
    state_->free = state_->all.back().get();
  }
  State::Work& work = *state_->free;
  fill(work.batch);
  state_->free = work.next;
  work.ticket = ticket, work.begun = work.done = 0, work.next = nullptr;
  work.failure = {};
  if (work.batch.records.empty()) return state_->finish(work);
  (state_->last ? state_->last->next : state_->first) = &work;
  state_->last = &work;
  state_->wake.notify_all();
}

void Loader::abandon() {
  std::lock_guard lock(state_->mutex);
  state_->closed = true;
  state_->wake.notify_all();
}

}  // namespace alexnode::loader
