// The state of one JavaScript environment (the main thread or a worker): its mailbox, and the objects that
// JavaScript refers to by number. Numbers are never used twice, so a stale or foreign one is an error and not
// a crash.
#pragma once
#include <napi.h>

#include <cstdint>
#include <unordered_map>

#include "backend.h"

namespace alexnode::loader {
class Loader;
class StoredFile;
}  // namespace alexnode::loader

namespace alexnode::cuda {
class Cuda;
class Communicator;
}  // namespace alexnode::cuda

namespace alexnode {
class Group;
}

namespace alexnode::js {

template <class T>
class Table {
 public:
  explicit Table(const char* what) : what_(what) {}
  double add(std::shared_ptr<T> object) {
    objects_[++last_] = std::move(object);
    return double(last_);
  }
  const std::shared_ptr<T>& at(double id) const {
    // Only a number that was given out is one that 64 bits hold; NaN is none.
    const auto found = id >= 1 && id <= double(last_) ? objects_.find(uint64_t(id)) : objects_.end();
    if (found == objects_.end()) fail("[", what_, "] is closed, or was opened on another thread");
    return found->second;
  }
  void remove(double id) {
    at(id);
    objects_.erase(uint64_t(id));
  }
  auto begin() const { return objects_.begin(); }
  auto end() const { return objects_.end(); }
  void clear() { objects_.clear(); }

 private:
  const char* what_;
  std::unordered_map<uint64_t, std::shared_ptr<T>> objects_;
  uint64_t last_ = 0;
};

struct Environment {
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return **env.GetInstanceData<std::shared_ptr<Environment>>(); }
  static Environment& of(const Napi::CallbackInfo& info) { return of(info.Env()); }

  std::shared_ptr<Mailbox> mailbox;
  std::shared_ptr<cuda::Cuda> cuda;  // created with the first GPU
  Table<Device> devices{"device"};
  Table<Memory> buffers{"buffer"};
  Table<Stream> streams{"stream"};
  Table<Kernel> ops{"op"};
  Table<Event> events{"event"};
  Table<Program> programs{"program"};
  Table<loader::StoredFile> files{"data"};
  Table<loader::Loader> loaders{"data"};
  Table<Group> groups{"group"};
  Table<cuda::Communicator> communicators{"group"};
  /// What communicators still have to give back, closed ones too: Communicator::Core.
  std::vector<std::weak_ptr<void>> cores;
  Napi::FunctionReference on_settled;

 private:
  void deliver(Napi::Env env, Ticket& ticket);
  void end();
};

using Info = const Napi::CallbackInfo&;

// Registered by addon.cc, each in the file of its name.
void export_ops(Napi::Env env, Napi::Object exports);
void export_device(Napi::Env env, Napi::Object exports);
void export_cuda(Napi::Env env, Napi::Object exports);
void export_loader(Napi::Env env, Napi::Object exports);
void export_resample(Napi::Env env, Napi::Object exports);
void export_group(Napi::Env env, Napi::Object exports);
void export_communicator(Napi::Env env, Napi::Object exports);

/// The JavaScript error of a failure: `code` marks one of memory, `record` names a record that was not
/// loaded.
Napi::Error to_error(Napi::Env env, const Failure& failure);

/// Exports a function and turns its C++ exceptions into JavaScript errors. Only this place does so.
template <class F>
void export_function(Napi::Env env, Napi::Object exports, const char* name, F f) {
  exports.Set(name, Napi::Function::New(
                        env,
                        [f](Info info) -> Napi::Value {
                          try {
                            if constexpr (std::is_void_v<decltype(f(info))>) {
                              f(info);
                              return info.Env().Undefined();
                            } else {
                              return f(info);
                            }
                          } catch (const Napi::Error&) {
                            throw;
                          } catch (const std::exception& e) {
                            throw to_error(info.Env(), Failure(e));
                          }
                        },
                        name));
}

}  // namespace alexnode::js
