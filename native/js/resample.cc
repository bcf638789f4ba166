// Resampling of a picture on a thread of libuv's pool, as a function over numbers.
#include "loader/resample.h"

#include <array>
#include <cstdint>

#include "js/values.h"

namespace alexnode::js {

namespace {

/// Settles its ticket with the pixels of the result.
class Resampling : public Napi::AsyncWorker {
 public:
  Resampling(Napi::Env env, std::vector<uint8_t> image, const loader::ImageShape& shape, int rows,
             int columns, const loader::Window& window, Ticket* ticket)
      : Napi::AsyncWorker(env),
        image_(std::move(image)),
        shape_(shape),
        rows_(rows),
        columns_(columns),
        window_(window),
        mailbox_(Environment::of(env).mailbox),
        ticket_(ticket) {}

  void Execute() override {
    Failure failure;
    try {
      ticket_->bytes = loader::resample(image_.data(), shape_, rows_, columns_, window_);
      ticket_->has_bytes = true;
    } catch (const std::exception& error) {
      failure = Failure(error);
    }
    mailbox_->settle(ticket_, failure);
  }

 private:
  std::vector<uint8_t> image_;
  loader::ImageShape shape_;
  int rows_, columns_;
  loader::Window window_;
  std::shared_ptr<Mailbox> mailbox_;
  Ticket* ticket_;
};

/// Whole numbers, each from `least` to 65,500.
template <size_t count>
std::array<int, count> sizes(Napi::Value v, const char* what, int least) {
  auto list = array(v, what);
  std::array<int, count> found;
  for (uint32_t i = 0; i < count; i++) found[i] = between(list[i], what, least, 65500);
  return found;
}

/// resample(ticket, image, [height, width, channels], [rows, columns], [top, left, height, width])
void resample(Info info) {
  auto& e = Environment::of(info);
  const auto [height, width, channels] = sizes<3>(info[2], "shape", 1);
  const auto [rows, columns] = sizes<2>(info[3], "size", 1);
  const auto [top, left, down, across] = sizes<4>(info[4], "window", 0);
  const loader::ImageShape shape{height, width, channels};
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    fail("[photos] expected a Uint8Array of pixels");
  const auto image = info[1].As<Napi::Uint8Array>();
  if (image.ElementLength() != shape.bytes())
    fail("[photos] expected ", shape.bytes(), " bytes of pixels, got ", image.ElementLength());
  // Copied, because JavaScript may detach them while the thread reads.
  std::vector<uint8_t> pixels(image.Data(), image.Data() + image.ElementLength());
  with_ticket(e, info[0], 1, [&](Ticket* ticket) {
    (new Resampling(info.Env(), std::move(pixels), shape, rows, columns, {top, left, down, across}, ticket))
        ->Queue();
  });
}

}  // namespace

void export_resample(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "resample", resample);
}

}  // namespace alexnode::js
