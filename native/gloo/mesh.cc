#include "gloo/mesh.h"

#include <gloo/transport/address.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>

#include <cstdint>
#include <stdexcept>

namespace alexnode::gloo {

namespace transport = ::gloo::transport;
using std::chrono::milliseconds;

/// A buffer of the transport whose waits throw once the mesh is aborted.
class Buffer final : public transport::UnboundBuffer {
 public:
  Buffer(std::unique_ptr<transport::UnboundBuffer> of, Buffers& all)
      : UnboundBuffer(of->ptr, of->size), of_(std::move(of)), all_(all) {
    all_.add(this);
  }
  ~Buffer() override { all_.remove(this); }

  bool waitRecv(int* rank, milliseconds timeout) override { return held(of_->waitRecv(rank, timeout)); }
  bool waitSend(int* rank, milliseconds timeout) override { return held(of_->waitSend(rank, timeout)); }
  void abortWaitRecv() override { of_->abortWaitRecv(); }
  void abortWaitSend() override { of_->abortWaitSend(); }
  void send(int to, uint64_t slot, size_t offset, size_t bytes) override {
    held(true);
    of_->send(to, slot, offset, bytes);
  }
  void recv(int from, uint64_t slot, size_t offset, size_t bytes) override {
    held(true);
    of_->recv(from, slot, offset, bytes);
  }
  void recv(std::vector<int> from, uint64_t slot, size_t offset, size_t bytes) override {
    held(true);
    of_->recv(std::move(from), slot, offset, bytes);
  }

 private:
  bool held(bool done) const {
    if (!done || all_.aborted()) throw std::runtime_error("it was ended here");
    return true;
  }
  std::unique_ptr<transport::UnboundBuffer> of_;
  Buffers& all_;
};

void Buffers::add(Buffer* buffer) {
  std::lock_guard lock(mutex_);
  all_.insert(buffer);
}

void Buffers::remove(Buffer* buffer) {
  std::lock_guard lock(mutex_);
  all_.erase(buffer);
}

void Buffers::abort() {
  std::lock_guard lock(mutex_);
  aborted_ = true;
  for (auto* buffer : all_) buffer->abortWaitRecv(), buffer->abortWaitSend();
}

namespace {

/// A transport whose buffers are `Buffer`s.
class Transport final : public transport::Context {
 public:
  Transport(std::shared_ptr<transport::Context> of, Buffers& buffers)
      : Context(of->rank, of->size), of_(std::move(of)), buffers_(buffers) {}
  std::unique_ptr<transport::Pair>& getPair(int rank) override { return of_->getPair(rank); }
  std::unique_ptr<transport::Pair>& createPair(int rank) override { return of_->createPair(rank); }
  std::unique_ptr<transport::UnboundBuffer> createUnboundBuffer(void* ptr, size_t size) override {
    return std::make_unique<Buffer>(of_->createUnboundBuffer(ptr, size), buffers_);
  }

 private:
  std::shared_ptr<transport::Context> of_;
  Buffers& buffers_;
};

}  // namespace

Mesh::Mesh(int rank, int size, const std::string& host, milliseconds timeout) : ::gloo::Context(rank, size) {
  device_ = transport::tcp::CreateDevice(transport::tcp::attr(host.c_str()));
  auto own = device_->createContext(rank, size);
  own->setTimeout(timeout);
  setTimeout(timeout);
  for (int peer = 0; peer < size; peer++)
    if (peer != rank) own->createPair(peer);
  transportContext_ = std::make_shared<Transport>(std::move(own), buffers_);
}

std::vector<char> Mesh::address(int peer) { return getPair(peer)->address().bytes(); }

void Mesh::connect(int peer, const std::vector<char>& address) { getPair(peer)->connect(address); }

void Mesh::abort() {
  buffers_.abort();
  closeConnections();
}

}  // namespace alexnode::gloo
