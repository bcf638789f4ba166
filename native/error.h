// How native code says that something is wrong: an exception whose text reads "[conv2d] expected X, got Y".
// native/js/ turns it into a JavaScript error in one place.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace alexnode {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Joins its arguments as text, in the manner of an ostream.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(text(parts...));
}

}  // namespace alexnode
