// Files of stored images, and loaders that read them into host memory on threads, as functions over numbers.
#include "loader/loader.h"

#include <cstdint>

#include "js/values.h"

namespace alexnode::js {

namespace {

loader::ImageShape shape_of(Napi::Value v) {
  auto list = array(v, "shape");
  int axes[3];
  for (uint32_t i = 0; i < 3; i++) {
    const int64_t n = integer(list[i], "shape");
    if (n < 1 || n > 65500) fail("[data] expected an axis from 1 to 65500, got ", n);
    axes[i] = int(n);
  }
  return {axes[0], axes[1], axes[2]};
}

/// load(loader, ticket, records: Float64Array [file, offset, bytes, crc or -1] each, jpeg, [height, width,
/// channels], buffer, offset)
void load(Info info) {
  auto& e = Environment::of(info);
  auto& loader = e.loaders.at(number(info[0], "loader"));
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    fail("[data] expected a Float64Array of records");
  const auto list = info[2].As<Napi::Float64Array>();
  const bool jpeg = info[3].ToBoolean();
  const auto shape = shape_of(info[4]);
  const auto& memory = e.buffers.at(number(info[5], "buffer"));
  const size_t offset = size(info[6], "offset");
  const size_t records = list.ElementLength() / 4;
  const size_t bytes = records * shape.bytes();
  if (!memory->host) fail("[data] expected memory that the host writes: device.staging()");
  if (offset > memory->bytes || bytes > memory->bytes - offset)
    fail("[data] ", records, " images of ", shape.bytes(), " bytes at ", offset, " do not fit in ",
         memory->bytes);
  with_ticket(e, info[1], 1, [&](Ticket* ticket) {
    loader->load(
        [&](loader::Batch& batch) {
          batch.records.clear();
          for (size_t i = 0; i < records; i++) {
            const loader::Record record{e.files.at(list[4 * i]), size_t(list[4 * i + 1]),
                                        size_t(list[4 * i + 2]), int64_t(list[4 * i + 3])};
            if (!jpeg && record.bytes != shape.bytes())
              fail("[data] expected records of ", shape.bytes(), " bytes, got ", record.bytes);
            batch.records.push_back(record);
          }
          batch.shape = shape, batch.jpeg = jpeg, batch.to = {memory, offset};
        },
        ticket);
  });
}

}  // namespace

void export_loader(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "openFile", [](Info info) -> Napi::Value {
    auto file = std::make_shared<loader::MappedFile>(string(info[0], "path"));
    return Napi::Number::New(info.Env(), Environment::of(info).files.add(std::move(file)));
  });
  export_function(env, exports, "closeFile",
                  [](Info info) { Environment::of(info).files.remove(number(info[0], "file")); });
  export_function(env, exports, "openLoader", [](Info info) -> Napi::Value {
    auto& e = Environment::of(info);
    const int64_t threads = integer(info[0], "threads");
    if (threads < 1 || threads > 1024) fail("[data] threads: expected from 1 to 1024, got ", threads);
    return Napi::Number::New(info.Env(),
                             e.loaders.add(std::make_shared<loader::Loader>(e.mailbox, int(threads))));
  });
  export_function(env, exports, "closeLoader",
                  [](Info info) { Environment::of(info).loaders.remove(number(info[0], "loader")); });
  export_function(env, exports, "load", load);
}

}  // namespace alexnode::js
