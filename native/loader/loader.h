// Brings batches of stored images into host memory, by threads of its own, so that the next batches are
// there while a device works on this one. JavaScript only says which records and where to.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backend.h"
#include "loader/jpeg.h"
#include "loader/mapped_file.h"

namespace alexnode::loader {

/// Where an image lies.
struct Record {
  std::shared_ptr<const MappedFile> file;
  size_t offset = 0, bytes = 0;
  int64_t crc = -1;  // CRC-32 of the bytes; below 0: not looked at
};

/// Images that lie behind each other in `to`.
struct Batch {
  std::vector<Record> records;
  ImageShape shape{};
  bool jpeg = false;  // else the bytes are the image's
  Place to;
};

class Loader {
 public:
  Loader(std::shared_ptr<Mailbox> mailbox, int threads);
  /// Batches that have not begun fail; nobody is waited for.
  ~Loader();
  /// Queues a batch, which `fill` writes into one that was used before: the ticket settles when all of it is
  /// there, or tells which record is not as it should be.
  void load(const std::function<void(Batch&)>& fill, Ticket* ticket);
  /// The environment ends.
  void abandon();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace alexnode::loader
