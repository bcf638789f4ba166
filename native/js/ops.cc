// The op table for JavaScript: the list of ops, shape inference, and preparing and running an op on a stream.
// Fields and slots come from the ops' own structs; nothing here is specific to one op.
#include <cmath>
#include <cstdint>

#include "cpu/device.h"
#include "js/fields.h"
#include "js/values.h"
#include "ops/table.h"

namespace alexnode::js {

namespace {

struct OpRow {
  const char* name;
  std::span<const Slot> slots;
  void* (*create)();
  void (*destroy)(void*);
  void (*visit)(void*, Fields&);
  void (*rule)(const void*, Specs&);

  /// The op's struct, with its defaults.
  std::shared_ptr<void> fields() const { return {create(), destroy}; }
};

template <class Op>
constexpr OpRow row() {
  return {Op::name,
          Op::slots,
          []() -> void* { return new Op; },
          [](void* op) { delete static_cast<Op*>(op); },
          [](void* op, Fields& fields) { static_cast<Op*>(op)->visit(fields); },
          [](const void* op, Specs& specs) { static_cast<const Op*>(op)->rule(specs); }};
}

#define ALEXNODE_ROW(Op) row<Op>(),
const OpRow kRows[] = {ALEXNODE_OPS(ALEXNODE_ROW)};
#undef ALEXNODE_ROW

size_t find(const std::string& name) {
  for (size_t i = 0; i < std::size(kRows); i++)
    if (name == kRows[i].name) return i;
  fail("[op] there is no op '", name, "'");
}

Specs read_specs(const OpRow& op, Napi::Array given) {
  Specs specs(op.name, op.slots);
  if (given.Length() != specs.size()) specs.fail("expected ", specs.size(), " tensors, got ", given.Length());
  for (uint32_t i = 0; i < specs.size(); i++) {
    auto& spec = specs[i];
    const Napi::Value v = given[i];
    if ((spec.absent = !v.IsObject())) continue;
    auto o = v.As<Napi::Object>();
    if (auto shape = o.Get("shape"); !shape.IsUndefined()) {
      auto list = array(shape, "shape");
      if (list.Length() > kMostDims)
        specs.fail(op.slots[i].name, ": expected ", kMostDims, " dims at most, got ", list.Length());
      for (uint32_t d = 0; d < list.Length(); d++) spec.shape.push_back(integer(list[d], "shape"));
    }
    if (auto dtype = o.Get("dtype"); !dtype.IsUndefined()) {
      const auto name = string(dtype, "dtype");
      spec.dtype = dtype_named(name);
      if (spec.dtype == DType::none) specs.fail(op.slots[i].name, ": there is no dtype '", name, "'");
    }
    if (auto layout = o.Get("layout"); !layout.IsUndefined()) spec.layout = string(layout, "layout");
  }
  return specs;
}

/// An op's fields, and its specs, checked and with all shapes known.
struct Request {
  size_t op;
  std::shared_ptr<void> fields;
  Specs specs;
};

Request read_request(Info info, int at) {
  const auto op = find(string(info[at], "op"));
  const auto& r = kRows[op];
  auto fields = r.fields();
  FieldReader reader(r.name, object(info[at + 1], "fields"));
  r.visit(fields.get(), reader);
  reader.refuse_unknown();
  auto specs = read_specs(r, array(info[at + 2], "specs"));
  specs.check_given();
  r.rule(fields.get(), specs);
  specs.check_settled();
  return {op, fields, std::move(specs)};
}

Napi::Value describe(Info info) {
  auto env = info.Env();
  auto list = Napi::Array::New(env);
  for (const auto& op : kRows) {
    auto slots = Napi::Array::New(env);
    for (const auto& s : op.slots) {
      auto slot = Napi::Object::New(env);
      slot["name"] = s.name;
      slot["role"] = s.role == Role::out ? "out" : s.role == Role::in ? "in" : "inout";
      auto dtypes = Napi::Array::New(env);
      for (auto t : kDTypes)
        if (s.dtypes >> int(t) & 1) dtypes[dtypes.Length()] = std::string(name_of(t));
      slot["dtypes"] = dtypes;
      slot["optional"] = s.optional;
      slot["chooses"] = (s.dtypes & kChooses) != 0;
      slots[slots.Length()] = slot;
    }
    auto entry = Napi::Object::New(env);
    entry["name"] = op.name;
    entry["slots"] = slots;
    FieldLister fields(env);
    op.visit(op.fields().get(), fields);
    entry["fields"] = fields.out;
    list[list.Length()] = entry;
  }
  const auto cpu = cpu::describe();
  auto c = Napi::Object::New(env);
  c["onednn"] = cpu.onednn;
  c["isa"] = cpu.isa;
  c["bf16"] = cpu.bf16;
  c["fastBf16"] = cpu.fast_bf16;
  auto out = Napi::Object::New(env);
  out["ops"] = list;
  out["cpu"] = c;
  return out;
}

/// infer(op, fields, specs) → the shape of each slot, null if absent.
Napi::Value infer(Info info) {
  const auto request = read_request(info, 0);
  auto out = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < request.specs.size(); i++) {
    const auto& s = request.specs[i];
    if (s.absent) {
      out[i] = info.Env().Null();
      continue;
    }
    auto shape = Napi::Array::New(info.Env());
    for (uint32_t d = 0; d < s.shape.size(); d++) shape[d] = double(s.shape[d]);
    out[i] = shape;
  }
  return out;
}

/// prepare(stream, ticket, op, fields, specs): the ticket returns the op.
void prepare(Info info) {
  auto& e = Environment::of(info.Env());
  auto stream = e.streams.at(number(info[0], "stream"));
  if (stream->recording())
    fail("[", string(info[2], "op"),
         "] was not prepared before record(): prepare ops first, record only runs them");
  auto request = read_request(info, 2);
  with_ticket(e, info[1], 1, [&](Ticket* t) {
    stream->prepare(request.op, std::move(request.fields), std::move(request.specs), t);
  });
}

/// run(stream, op, [buffer, offset] of each slot and then of the scratch; buffer 0 if absent)
void run(Info info) {
  auto& e = Environment::of(info.Env());
  auto& stream = e.streams.at(number(info[0], "stream"));
  auto& op = e.ops.at(number(info[1], "op"));
  const auto& specs = op->specs;
  if (op->home != stream->home) specs.fail("was prepared for another device: prepare it on this one");
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[2].As<Napi::Float64Array>().ElementLength() != 2 * (specs.size() + 1))
    specs.fail("expected a Float64Array of ", 2 * (specs.size() + 1), " numbers");
  auto refs = info[2].As<Napi::Float64Array>();
  const auto place = [&](size_t i, const char* name, size_t bytes, size_t unit = 4) -> Place {
    const double id = refs[2 * i], offset = refs[2 * i + 1];
    if (id == 0) {
      if (bytes) specs.fail("needs the tensor '", name, "', and got none");
      return {};
    }
    auto& memory = e.buffers.at(id);
    if (memory->device != stream->device) specs.fail(name, " lies on another device than the stream");
    if (!(offset >= 0) || offset != std::floor(offset) || offset + double(bytes) > double(memory->bytes))
      specs.fail(name, " needs ", bytes, " bytes at ", offset, ", and its buffer has ", memory->bytes);
    if (size_t(offset) % unit)
      specs.fail(name, ": expected an offset that is a multiple of ", unit, ", got ", offset);
    return {memory, size_t(offset)};
  };
  std::vector<Place> slots;
  for (size_t i = 0; i < specs.size(); i++) slots.push_back(place(i, specs.slots[i].name, specs[i].bytes()));
  auto scratch = place(specs.size(), "scratch", op->scratch, 64);
  // Kernels keep there what they index by.
  for (size_t i = 0; i < slots.size(); i++)
    if (slots[i].memory && slots[i].memory == scratch.memory &&
        slots[i].offset < scratch.offset + op->scratch && scratch.offset < slots[i].offset + specs[i].bytes())
      specs.fail("scratch lies in the memory of ", specs.slots[i].name, ": give it bytes of its own");
  stream->run(op, std::move(slots), std::move(scratch));
}

}  // namespace

void export_ops(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "describe", describe);
  export_function(env, exports, "infer", infer);
  export_function(env, exports, "prepare", prepare);
  export_function(env, exports, "run", run);
  export_function(env, exports, "closeOp",
                  [](Info info) { Environment::of(info.Env()).ops.remove(number(info[0], "op")); });
}

}  // namespace alexnode::js
