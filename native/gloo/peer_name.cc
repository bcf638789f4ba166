// Gloo's own thread asks a new connection for its peer's address, and throws where the peer is lost already:
// that ends the process. Here the address is left empty. Gloo then finds the connection closed when it reads
// from it, and fails what waits for it.
//
// This takes the place of the function in libgloo, which calls it through its table of symbols: this shared
// object comes before libgloo where the loader looks for them, as it is what was opened. A libgloo that is
// bound to its own symbols (-Bsymbolic-functions) is as it was. Gloo of 2025 does the same itself.
#pragma GCC visibility push(default)
#include <gloo/transport/tcp/address.h>
#pragma GCC visibility pop

#include <sys/socket.h>

namespace gloo::transport::tcp {

Address Address::fromPeerName(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) storage = {};
  return Address(storage);
}

}  // namespace gloo::transport::tcp
