// Devices, buffers, streams, events and programs, as functions over numbers. lib/native/binding.ts is their
// only caller.
#include "cpu/device.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "js/values.h"

namespace alexnode::js {

namespace {

Napi::Value id(Info info, double value) { return Napi::Number::New(info.Env(), value); }

Place place(Environment& e, Info info, int at, size_t bytes) {
  auto& memory = e.buffers.at(number(info[at], "buffer"));
  const size_t offset = size(info[at + 1], "offset");
  if (offset > memory->bytes || bytes > memory->bytes - offset)
    fail("[buffer] ", bytes, " bytes at ", offset, " do not fit in ", memory->bytes);
  return {memory, offset};
}

std::vector<StreamPtr> streams_of(Environment& e, Napi::Value v) {
  auto list = array(v, "streams");
  std::vector<StreamPtr> streams;
  for (uint32_t i = 0; i < list.Length(); i++) streams.push_back(e.streams.at(number(list[i], "stream")));
  if (streams.empty()) fail("[record] expected one stream or more");
  return streams;
}

void refuse_recording(const Stream& stream, const char* what) {
  if (stream.recording())
    fail("[record] cannot ", what, " while a program is recorded: do it before or after");
}

void on_settled(Info info) {
  if (!info[0].IsFunction()) fail("[native] expected a function");
  Environment::of(info).on_settled = Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Value open_cpu(Info info) {
  auto& e = Environment::of(info);
  return id(info, e.devices.add(std::make_shared<cpu::CpuDevice>(e.mailbox)));
}

void close_device(Info info) {
  auto& e = Environment::of(info);
  const double device = number(info[0], "device");
  auto kept = e.devices.at(device);
  if (kept->recording()) fail("[record] cannot close the device while a program is recorded: end that first");
  for (auto& [id, stream] : e.streams)
    if (stream->device == kept.get()) fail("[device] has an open stream: close that first");
  for (auto& [id, buffer] : e.buffers)
    if (buffer->device == kept.get()) fail("[device] has an open buffer: close that first");
  with_ticket(e, info[1], 1, [&](Ticket* t) { kept->close(t); });
  e.devices.remove(device);
}

Napi::Value device_memory(Info info) {
  const auto m = Environment::of(info).devices.at(number(info[0], "device"))->memory();
  auto out = Napi::Object::New(info.Env());
  out["live"] = double(m.live), out["blocks"] = double(m.blocks), out["peak"] = double(m.peak);
  out["available"] = double(m.available), out["total"] = double(m.total);
  return out;
}

Napi::Value open_buffer(Info info) {
  auto& e = Environment::of(info);
  auto& device = e.devices.at(number(info[0], "device"));
  for (auto& [id, stream] : e.streams)
    if (stream->device == device.get()) refuse_recording(*stream, "allocate");
  return id(info, e.buffers.add(
                      device->allocate(std::max<size_t>(size(info[1], "bytes"), 1), info[2].ToBoolean())));
}

void close_buffer(Info info) {
  auto& e = Environment::of(info);
  const double buffer = number(info[0], "buffer");
  if (const int n = e.buffers.at(buffer)->programs)
    fail("[buffer] ", n,
         n == 1 ? " live program uses it: close that first" : " live programs use it: close those first");
  e.buffers.remove(buffer);
}

/// writeBuffer(buffer, offset, Uint8Array): at once, from the JS thread; the caller knows that nothing reads
/// there now.
void write_buffer(Info info) {
  auto& e = Environment::of(info);
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    fail("[buffer] expected a Uint8Array");
  auto from = info[2].As<Napi::Uint8Array>();
  const auto to = place(e, info, 0, from.ByteLength());
  if (!to.memory->host)
    fail(
        "[buffer] lies in the memory of a GPU, which only streams write: use stream.write, or a staging "
        "buffer");
  if (from.ByteLength()) std::memcpy(to.data(), from.Data(), from.ByteLength());
}

Napi::Value open_stream(Info info) {
  auto& e = Environment::of(info);
  const StreamOptions options{between(info[1], "threads", 1, 1024), info[2].ToBoolean()};
  return id(info, e.streams.add(e.devices.at(number(info[0], "device"))->stream(options)));
}

void close_stream(Info info) {
  auto& e = Environment::of(info);
  const double stream = number(info[0], "stream");
  refuse_recording(*e.streams.at(stream), "close its stream");
  auto kept = e.streams.at(stream);
  with_ticket(e, info[1], 1, [&](Ticket* t) { kept->close(t); });
  e.streams.remove(stream);
}

void copy(Info info) {
  auto& e = Environment::of(info);
  auto& stream = e.streams.at(number(info[0], "stream"));
  const size_t bytes = size(info[5], "bytes");
  auto to = place(e, info, 1, bytes), from = place(e, info, 3, bytes);
  if (!stream->reaches(*to.memory) || !stream->reaches(*from.memory))
    fail("[copy] a buffer lies on another device, which this stream does not reach");
  stream->copy(std::move(to), std::move(from), bytes);
}

/// read(stream, ticket, buffer, offset, bytes)
void read(Info info) {
  auto& e = Environment::of(info);
  auto& stream = e.streams.at(number(info[0], "stream"));
  refuse_recording(*stream, "read");
  const size_t bytes = size(info[4], "bytes");
  auto from = place(e, info, 2, bytes);
  if (!stream->reaches(*from.memory)) fail("[read] the buffer lies on another device than the stream");
  with_ticket(e, info[1], 1, [&](Ticket* t) { stream->read(std::move(from), bytes, t); });
}

void synchronize(Info info) {
  auto& e = Environment::of(info);
  auto& stream = e.streams.at(number(info[0], "stream"));
  refuse_recording(*stream, "synchronize");
  with_ticket(e, info[1], 1, [&](Ticket* t) { stream->synchronize(t); });
}

/// streamWaited(stream) → milliseconds; NaN where nothing measures it
Napi::Value stream_waited(Info info) {
  return id(info, Environment::of(info).streams.at(number(info[0], "stream"))->waited());
}

Napi::Value end_record(Info info) {
  auto& e = Environment::of(info);
  // Reading the list may run JavaScript, which may close the device.
  const auto device = e.devices.at(number(info[0], "device"));
  auto program = device->end_record(streams_of(e, info[1]), info[2].ToBoolean());
  if (!program) return info.Env().Null();
  std::sort(program->uses.begin(), program->uses.end());
  program->uses.erase(std::unique(program->uses.begin(), program->uses.end()), program->uses.end());
  for (auto& m : program->uses) m->programs++;
  return id(info, e.programs.add(program));
}

void run_program(Info info) {
  auto& e = Environment::of(info);
  auto program = e.programs.at(number(info[0], "program"));
  const auto timing = Timing(between(info[2], "timing", 0, 2));
  with_ticket(e, info[1], program->parts(), [&](Ticket* t) { program->run(t, timing); });
}

void close_program(Info info) {
  auto& e = Environment::of(info);
  const double program = number(info[0], "program");
  for (auto& m : e.programs.at(program)->uses) m->programs--;
  e.programs.remove(program);
}

}  // namespace

void export_device(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "onSettled", on_settled);
  export_function(env, exports, "openCpu", open_cpu);
  export_function(env, exports, "closeDevice", close_device);
  export_function(env, exports, "deviceMemory", device_memory);
  export_function(env, exports, "openBuffer", open_buffer);
  export_function(env, exports, "closeBuffer", close_buffer);
  export_function(env, exports, "writeBuffer", write_buffer);
  export_function(env, exports, "openStream", open_stream);
  export_function(env, exports, "closeStream", close_stream);
  export_function(env, exports, "copy", copy);
  export_function(env, exports, "read", read);
  export_function(env, exports, "streamWaited", stream_waited);
  export_function(env, exports, "synchronize", synchronize);
  export_function(env, exports, "openEvent", [](Info info) {
    auto& e = Environment::of(info);
    return id(info, e.events.add(e.devices.at(number(info[0], "device"))->event()));
  });
  export_function(env, exports, "closeEvent",
                  [](Info info) { Environment::of(info).events.remove(number(info[0], "event")); });
  export_function(env, exports, "recordEvent", [](Info info) {
    auto& e = Environment::of(info);
    e.streams.at(number(info[0], "stream"))->record(e.events.at(number(info[1], "event")));
  });
  export_function(env, exports, "waitEvent", [](Info info) {
    auto& e = Environment::of(info);
    e.streams.at(number(info[0], "stream"))->wait(e.events.at(number(info[1], "event")));
  });
  export_function(env, exports, "beginRecord", [](Info info) {
    auto& e = Environment::of(info);
    const auto device = e.devices.at(number(info[0], "device"));
    device->begin_record(streams_of(e, info[1]));
  });
  export_function(env, exports, "endRecord", end_record);
  export_function(env, exports, "runProgram", run_program);
  export_function(env, exports, "closeProgram", close_program);
}

}  // namespace alexnode::js
