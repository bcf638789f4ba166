// Errors of native code: exceptions whose message reads "[conv2d] expected X, got Y".
// native/js/ turns it into a JavaScript error in one place.
#pragma once
#include <charconv>
#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace alexnode {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Memory does not suffice. JavaScript gets the error with the code ALEXNODE_OUT_OF_MEMORY.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// Why work failed, passed between threads until it becomes a JavaScript error. Empty: it did not fail.
struct Failure {
  Failure() = default;
  Failure(std::string message) : words(std::move(message)) {}
  Failure(const char* message) : words(message) {}
  explicit Failure(const std::exception& error) : words(error.what()) {
    if (dynamic_cast<const std::bad_alloc*>(&error)) {
      words = "[memory] the system gives this process no more: close what is not needed";
      out_of_memory = true;
    } else {
      out_of_memory = dynamic_cast<const OutOfMemory*>(&error);
    }
  }

  bool empty() const { return words.empty(); }
  /// Throws it again.
  [[noreturn]] void raise() const {
    if (out_of_memory) throw OutOfMemory(words);
    throw Error(words);
  }

  std::string words;
  bool out_of_memory = false;
  std::optional<size_t> record;  // that could not be loaded, by its place in the batch
};

/// Part of a message: text, or a number formatted as by an ostream.
class Part {
 public:
  Part(std::string_view words) : words_(words) {}
  Part(const std::string& words) : words_(words) {}
  Part(const char* words) : words_(words) {}
  Part(char letter) : words_(number_, 1) { number_[0] = letter; }
  Part(bool value) : Part(value ? 1LL : 0LL) {}
  Part(std::signed_integral auto number) : Part(static_cast<long long>(number)) {}
  Part(std::unsigned_integral auto number) : Part(static_cast<unsigned long long>(number)) {}
  Part(long long number) { write(number); }
  Part(unsigned long long number) { write(number); }
  Part(double number) : words_(number_, size_t(std::snprintf(number_, sizeof number_, "%g", number))) {}
  Part(const void*) = delete;  // it would be a bool
  Part(const Part&) = delete;
  std::string_view words() const { return words_; }

 private:
  void write(auto number) {
    words_ = {number_, size_t(std::to_chars(number_, number_ + sizeof number_, number).ptr - number_)};
  }
  char number_[32];
  std::string_view words_;
};

[[gnu::noinline]] inline std::string join(std::initializer_list<Part> parts) {
  std::string out;
  for (const auto& part : parts) out += part.words();
  return out;
}

[[noreturn, gnu::noinline]] inline void fail_with(std::initializer_list<Part> parts) {
  throw Error(join(parts));
}

// There are many calls of these, so all but the conversion of arguments is in the functions above.

/// Joins its arguments as text.
template <class... Parts>
std::string text(const Parts&... parts) {
  return join({Part(parts)...});
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  fail_with({Part(parts)...});
}

/// The error of threads that the system does not give.
[[noreturn]] inline void fail_for_threads(std::string_view what, std::string_view reason) {
  fail("[", what, "] the system gives no more threads (", reason,
       "): close streams and data, use fewer threads, or raise `ulimit -u` and `ulimit -v`");
}

}  // namespace alexnode
