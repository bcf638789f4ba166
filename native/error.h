// How native code says that something is wrong: an exception whose text reads "[conv2d] expected X, got Y".
// native/js/ turns it into a JavaScript error in one place.
#pragma once
#include <concepts>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace alexnode {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A part of a message: words, or a number as an ostream writes it.
class Part {
 public:
  Part(std::string_view words) : words_(words) {}
  Part(const std::string& words) : words_(words) {}
  Part(const char* words) : words_(words) {}
  Part(char letter) : words_(number_, 1) { number_[0] = letter; }
  Part(bool value) : Part(value ? 1LL : 0LL) {}
  Part(std::signed_integral auto number) : Part(static_cast<long long>(number)) {}
  Part(std::unsigned_integral auto number) : Part(static_cast<unsigned long long>(number)) {}
  Part(long long number);
  Part(unsigned long long number);
  Part(double number);
  Part(const Part&) = delete;
  std::string_view words() const { return words_; }

 private:
  char number_[32];
  std::string_view words_;
};

std::string join(std::initializer_list<Part> parts);

/// Joins its arguments as text. All but their conversion is one function's code: calls are many.
template <class... Parts>
std::string text(const Parts&... parts) {
  return join({Part(parts)...});
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(join({Part(parts)...}));
}

}  // namespace alexnode
