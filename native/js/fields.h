// An op's fields between its struct and a JavaScript object, by the struct's visit().
#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "js/values.h"

namespace alexnode::js {

/// Reads an op's fields from a JavaScript object by name, and refuses names that the op does not have.
class FieldReader {
 public:
  FieldReader(const char* op, Napi::Object from) : op_(op), from_(from) {}
  void operator()(const char* name, int64_t& out) {
    if (has(name)) out = integer(value_, name);
  }
  void operator()(const char* name, float& out) {
    if (has(name)) out = float(number(value_, name));
  }
  void operator()(const char* name, bool& out) {
    if (!has(name)) return;
    if (!value_.IsBoolean()) fail("[", op_, "] ", name, ": expected true or false");
    out = value_.As<Napi::Boolean>().Value();
  }
  template <size_t N>
  void operator()(const char* name, std::array<int64_t, N>& out) {
    if (!has(name)) return;
    if (!value_.IsArray() || value_.As<Napi::Array>().Length() != N)
      fail("[", op_, "] ", name, ": expected an array of ", N, " whole numbers");
    for (uint32_t i = 0; i < N; i++) out[i] = integer(value_.As<Napi::Array>().Get(i), name);
  }
  void refuse_unknown() {
    auto names = from_.GetPropertyNames();
    for (uint32_t i = 0; i < names.Length(); i++) {
      const auto name = string(names.Get(i), "field");
      if (known_.find("'" + name + "'") == std::string::npos && !from_.Get(name).IsUndefined())
        fail("[", op_, "] has no field '", name, "': expected one of ", known_.empty() ? "none" : known_);
    }
  }

 private:
  bool has(const char* name) {
    known_ += (known_.empty() ? "'" : ", '") + std::string(name) + "'";
    value_ = from_.Get(name);
    return !value_.IsUndefined();
  }
  const char* op_;
  Napi::Object from_;
  Napi::Value value_;
  std::string known_;
};

/// Lists an op's fields with their defaults.
class FieldLister {
 public:
  explicit FieldLister(Napi::Env env) : out(Napi::Object::New(env)), env_(env) {}
  void operator()(const char* name, int64_t& v) { out.Set(name, Napi::Number::New(env_, double(v))); }
  void operator()(const char* name, float& v) { out.Set(name, Napi::Number::New(env_, v)); }
  void operator()(const char* name, bool& v) { out.Set(name, Napi::Boolean::New(env_, v)); }
  template <size_t N>
  void operator()(const char* name, std::array<int64_t, N>& v) {
    auto list = Napi::Array::New(env_, N);
    for (size_t i = 0; i < N; i++) list[uint32_t(i)] = double(v[i]);
    out.Set(name, list);
  }
  Napi::Object out;

 private:
  Napi::Env env_;
};

}  // namespace alexnode::js
