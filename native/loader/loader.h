// Reads batches of stored images into host memory on its own threads, so that the next batches are ready
// while a device works on this one. JavaScript only says which records to read and where to.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backend.h"
#include "loader/jpeg.h"
#include "loader/stored_file.h"

namespace alexnode::loader {

/// Where an image lies.
struct Record {
  std::shared_ptr<const StoredFile> file;
  size_t offset = 0, bytes = 0;
  int64_t crc = -1;  // CRC-32 of the bytes; below 0: not checked
};

/// Images that lie one after another in `to`.
struct Batch {
  std::vector<Record> records;
  ImageShape shape{};
  bool jpeg = false;  // else the bytes are the image's
  Place to;
};

class Loader {
 public:
  Loader(std::shared_ptr<Mailbox> mailbox, int threads);
  /// Rejects the batches that have records left to read, without waiting.
  ~Loader();
  /// Queues a batch, which `fill` writes into a reused object. The ticket settles when all of it is read; its
  /// error names the record that is wrong.
  void load(const std::function<void(Batch&)>& fill, Ticket* ticket);
  /// Stops the threads: the environment is ending.
  void abandon();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace alexnode::loader
