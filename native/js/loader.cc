// Files of stored images, and loaders that read them into host memory on threads, as functions over numbers.
#include "loader/loader.h"

#include <cmath>
#include <cstdint>

#include "js/values.h"

namespace alexnode::js {

namespace {

loader::ImageShape shape_of(Napi::Value v) {
  auto list = array(v, "shape");
  int axes[3];
  for (uint32_t i = 0; i < 3; i++) {
    axes[i] = between(list[i], "an axis of an image", 1, 65500);
  }
  return {axes[0], axes[1], axes[2]};
}

/// A whole number of a record, from `least` on.
int64_t whole(double value, const char* what, int64_t least = 0) {
  if (!(value >= double(least) && value <= 9007199254740991.0) || value != std::floor(value))
    fail("[data] ", what, ": expected a whole number from ", least, ", got ", value);
  return int64_t(value);
}

/// load(loader, ticket, records: Float64Array [file, offset, bytes, crc or -1] each, jpeg, [height, width,
/// channels], buffer, offset)
void load(Info info) {
  auto& e = Environment::of(info);
  // Reading the shape may run JavaScript, which may close or detach what is looked up before.
  const auto shape = shape_of(info[4]);
  auto& loader = e.loaders.at(number(info[0], "loader"));
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    fail("[data] expected a Float64Array of records");
  const auto list = info[2].As<Napi::Float64Array>();
  const bool jpeg = info[3].ToBoolean();
  if (jpeg && shape.channels != 1 && shape.channels != 3)
    fail("[data] expected 1 or 3 channels of a JPEG, got ", shape.channels);
  const auto& memory = e.buffers.at(number(info[5], "buffer"));
  const size_t offset = size(info[6], "offset");
  const size_t records = list.ElementLength() / 4;
  if (!memory->host) fail("[data] expected memory that the host writes: device.staging()");
  if (offset > memory->bytes || records > (memory->bytes - offset) / shape.bytes())
    fail("[data] ", records, " images of ", shape.bytes(), " bytes at ", offset, " do not fit in ",
         memory->bytes);
  with_ticket(e, info[1], 1, [&](Ticket* ticket) {
    loader->load(
        [&](loader::Batch& batch) {
          batch.records.clear();
          for (size_t i = 0; i < records; i++) {
            const loader::Record record{e.files.at(list[4 * i]), size_t(whole(list[4 * i + 1], "offset")),
                                        size_t(whole(list[4 * i + 2], "bytes")),
                                        whole(list[4 * i + 3], "crc", -1)};
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
    auto file = std::make_shared<loader::StoredFile>(string(info[0], "path"));
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
