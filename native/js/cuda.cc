// Probing CUDA, for `alexnode doctor`, and opening a GPU.
#include "cuda/cuda.h"

#include <cstdint>

#include "cuda/errors.h"
#include "js/values.h"

namespace alexnode::js {

namespace {

const char* name_of(cuda::State state) {
  switch (state) {
    case cuda::State::ready:
      return "ready";
    case cuda::State::missing:
      return "missing";
    case cuda::State::broken:
      return "broken";
    default:
      return "unsuited";
  }
}

template <class T, class F>
Napi::Array list(Napi::Env env, const std::vector<T>& from, F&& f) {
  auto out = Napi::Array::New(env, from.size());
  for (size_t i = 0; i < from.size(); i++) out[uint32_t(i)] = f(from[i]);
  return out;
}

Napi::Object library(Napi::Env env, const cuda::LibraryReport& r) {
  auto o = Napi::Object::New(env);
  o["name"] = r.name;
  o["file"] = r.file;
  o["state"] = name_of(r.state);
  if (!r.path.empty()) o["path"] = r.path;
  if (!r.version.empty()) o["version"] = r.version;
  if (!r.error.empty()) o["error"] = r.error;
  o["tried"] = list(env, r.tried, [&](const cuda::Attempt& attempt) {
    auto one = Napi::Object::New(env);
    one["path"] = attempt.path;
    one["error"] = attempt.error;
    return one;
  });
  return o;
}

Napi::Object device(Napi::Env env, const cuda::DeviceReport& d) {
  auto o = Napi::Object::New(env);
  o["name"] = d.name;
  o["capability"] = text(d.major, ".", d.minor);
  o["memory"] = double(d.memory);
  return o;
}

cuda::Refused read_refused(Napi::Value value) {
  cuda::Refused refused;
  const auto given = object(value, "refused");
  const auto names = given.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++)
    refused[string(names.Get(i), "refused")] = string(given.Get(names.Get(i)), "refused");
  return refused;
}

Napi::Value probe(Info info) {
  const auto env = info.Env();
  const auto refused = read_refused(info[0]);
  if (!info[1].IsFunction()) fail("[native] before: expected a function");
  const auto before = info[1].As<Napi::Function>();
  // Called in the middle of native work, because each step must be announced before it can crash.
  const auto watch = [&](const cuda::Act& act) {
    before.Call({Napi::String::New(env, act.library.file), Napi::String::New(env, act.what),
                 Napi::String::New(env, act.path)});
  };
  const auto report = cuda::open_libraries(watch, refused).report;
  auto o = Napi::Object::New(env);
  o["libraries"] = list(env, report.libraries, [&](auto& r) { return library(env, r); });
  o["devices"] = list(env, report.devices, [&](auto& d) { return device(env, d); });
  o["places"] = list(env, report.places, [&](auto& place) { return Napi::String::New(env, place); });
  o["complete"] = report.complete();
  return o;
}

/// openCuda(ticket, ordinal, options, refused): the ticket returns the device.
void open_cuda(Info info) {
  auto& e = Environment::of(info.Env());
  const auto given = object(info[2], "options");
  const cuda::Options options{.tf32 = given.Get("tf32").ToBoolean(),
                              .deterministic = given.Get("deterministic").ToBoolean(),
                              .cudnn = given.Get("cudnn").ToBoolean()};
  if (!e.cuda) e.cuda = std::make_shared<cuda::Cuda>(e.mailbox, read_refused(info[3]));
  const int ordinal = int(integer(info[1], "ordinal"));
  with_ticket(e, info[0], 1, [&](Ticket* t) { e.cuda->open(ordinal, options, t); });
}

/// cudaInfo(device): the GPU's properties and, if its kernels were compiled at run time, why.
Napi::Value cuda_info(Info info) {
  const auto env = info.Env();
  const auto device = Environment::of(env).devices.at(number(info[0], "device"));
  const auto* gpu = dynamic_cast<const cuda::CudaDevice*>(device.get());
  if (!gpu) fail("[device] is not a GPU");
  const auto& g = gpu->gpu();
  auto o = Napi::Object::New(env);
  o["name"] = g.gpu.name;
  o["uuid"] = g.gpu.uuid;
  o["capability"] = text(g.gpu.major, ".", g.gpu.minor);
  o["bf16"] = g.gpu.major >= 8;
  o["multiprocessors"] = g.gpu.multiprocessors;
  o["memory"] = double(g.gpu.memory);
  auto versions = Napi::Object::New(env);
  for (const auto& library : g.libraries.report.libraries)
    if (!library.version.empty()) versions[library.name] = library.version;
  o["versions"] = versions;
  if (const auto why = g.modules.compiled_because(); !why.empty()) o["compiled"] = why;
  return o;
}

}  // namespace

void export_cuda(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "probeCuda", probe);
  export_function(env, exports, "openCuda", open_cuda);
  export_function(env, exports, "cudaInfo", cuda_info);
}

}  // namespace alexnode::js
