// An op's fields between its struct and a JavaScript object, by the struct's visit(). An op is compiled for
// `Fields` alone, whatever is done with its fields.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "js/values.h"

namespace alexnode::js {

/// What an op's visit() is called with: once for each field.
class Fields {
 public:
  virtual ~Fields() = default;
  virtual void operator()(const char* name, int64_t& value) = 0;
  virtual void operator()(const char* name, float& value) = 0;
  virtual void operator()(const char* name, bool& value) = 0;
  virtual void list(const char* name, std::span<int64_t> values) = 0;
  template <size_t N>
  void operator()(const char* name, std::array<int64_t, N>& values) {
    list(name, values);
  }
};

/// Reads an op's fields from a JavaScript object by name, and throws for names that the op does not have.
class FieldReader final : public Fields {
 public:
  FieldReader(const char* op, Napi::Object from) : op_(op), from_(from) {}
  void operator()(const char* name, int64_t& out) override {
    if (has(name)) out = integer(value_, name);
  }
  void operator()(const char* name, float& out) override {
    if (has(name)) out = float(number(value_, name));
  }
  void operator()(const char* name, bool& out) override {
    if (!has(name)) return;
    if (!value_.IsBoolean()) fail("[", op_, "] ", name, ": expected true or false");
    out = value_.As<Napi::Boolean>().Value();
  }
  void list(const char* name, std::span<int64_t> out) override {
    if (!has(name)) return;
    if (!value_.IsArray() || value_.As<Napi::Array>().Length() != out.size())
      fail("[", op_, "] ", name, ": expected an array of ", out.size(), " whole numbers");
    for (uint32_t i = 0; i < out.size(); i++) out[i] = integer(value_.As<Napi::Array>().Get(i), name);
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
class FieldLister final : public Fields {
 public:
  explicit FieldLister(Napi::Env env) : out(Napi::Object::New(env)), env_(env) {}
  void operator()(const char* name, int64_t& v) override {
    out.Set(name, Napi::Number::New(env_, double(v)));
  }
  void operator()(const char* name, float& v) override { out.Set(name, Napi::Number::New(env_, v)); }
  void operator()(const char* name, bool& v) override { out.Set(name, Napi::Boolean::New(env_, v)); }
  void list(const char* name, std::span<int64_t> values) override {
    auto list = Napi::Array::New(env_, values.size());
    for (size_t i = 0; i < values.size(); i++) list[uint32_t(i)] = double(values[i]);
    out.Set(name, list);
  }
  Napi::Object out;

 private:
  Napi::Env env_;
};

}  // namespace alexnode::js
