// Opens a library from the first place where that succeeds, loads its functions and makes its first calls.
// Each step is announced before it happens, and its outcome is noted in the library's report.
#pragma once
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/libraries/places.h"
#include "cuda/libraries/report.h"
#include "cuda/libraries/shared_object.h"

namespace alexnode::cuda {

/// The next step with a library. A broken one may crash or hang the process; the watcher then knows which.
struct Act {
  const LibraryReport& library;
  std::string what;  // "open", or a function's name
  std::string path;
};
using Watch = std::function<void(const Act&)>;

/// Files that must not be opened, with the reason.
using Refused = std::map<std::string, std::string>;

/// {12, 4} as "12.4".
std::string dotted(std::initializer_list<int> numbers);

class Opener {
 public:
  Opener(const Watch& watch, const Refused& refused) : watch_(watch), refused_(refused) {}

  const Places& places() const { return places_; }

  void announce(const LibraryReport& r, const char* what, const std::string& path) const {
    if (watch_) watch_({r, what, path});
  }

  /// Opens a library and loads all functions of `api`. Without one of them it is broken.
  template <class Api>
  bool load(LibraryReport& r, Api& api) const {
    void* handle = find(r);
    if (!handle) return false;
    r.error.clear();
    r.state = State::ready;
    api.visit([&](const char* name, auto*& function) {
      std::string error;
      void* found = symbol(handle, name, error);
      function = reinterpret_cast<std::decay_t<decltype(function)>>(found);
      if (found) {
        r.path = file_of(found);
      } else if (r.state == State::ready) {
        r.state = State::broken;
        r.error = error;
      }
    });
    if (r.state != State::ready) api = {};
    return r.state == State::ready;
  }

  /// Opens the library from the folder of another one, and from nowhere else.
  void open_beside(LibraryReport& r, const std::string& other) const;

  /// Calls a function that returns 0 on success. `words` gives the name of another result, or null.
  template <class... Parameters, class... Arguments, class Words>
  bool call(LibraryReport& r, const Words& words, const char* name, int (*function)(Parameters...),
            Arguments... arguments) const {
    announce(r, name, r.path);
    const int error = function(arguments...);
    if (error != 0) note_failure(r, name, error, words(error));
    return error == 0;
  }

  template <class... Parameters, class... Arguments>
  bool call(LibraryReport& r, const char* name, int (*function)(Parameters...),
            Arguments... arguments) const {
    return call(
        r, [](int) { return nullptr; }, name, function, arguments...);
  }

  /// Asks a function for major, minor and patch.
  bool ask_version(LibraryReport& r, const char* name, int (*property)(int, int*)) const;

 private:
  void* find(LibraryReport& r) const;
  void* try_open(LibraryReport& r, const std::string& path) const;
  void* try_folders(LibraryReport& r, const std::vector<std::string>& folders) const;
  bool is_refused(LibraryReport& r) const;
  static void note_failure(LibraryReport& r, const char* name, int error, const char* words);

  const Watch& watch_;
  const Refused& refused_;
  const Places places_ = find_places();
};

}  // namespace alexnode::cuda
