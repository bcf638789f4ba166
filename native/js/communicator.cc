// NCCL's communicators, one a GPU of a group of processes: opened and closed here, used by ops by their
// number.
#include "cuda/communicator.h"

#include <cstdint>
#include <cstring>

#include "cuda/device.h"
#include "js/values.h"

namespace alexnode::js {

namespace {

std::shared_ptr<cuda::GpuContext> gpu_of(Environment& e, Napi::Value device) {
  const auto found = std::dynamic_pointer_cast<cuda::CudaDevice>(e.devices.at(number(device, "device")));
  if (!found) fail("[group] expected a GPU");
  return found->shared_gpu();
}

/// lackOfNccl(device) → why GPUs of several processes cannot be summed, or an empty string
Napi::Value lack_of_nccl(Info info) {
  const auto gpu = gpu_of(Environment::of(info), info[0]);
  try {
    cuda::require_nccl(gpu->libraries);
  } catch (const Error& error) {
    return Napi::String::New(info.Env(), error.what());
  }
  return Napi::String::New(info.Env(), "");
}

/// ncclId(device, ticket): the ticket returns the bytes of a new unique id
void nccl_id(Info info) {
  auto& e = Environment::of(info);
  auto gpu = gpu_of(e, info[0]);
  with_ticket(e, info[1], 1, [&](Ticket* ticket) {
    e.mailbox->start_thread("group", [gpu = std::move(gpu), ticket, mailbox = e.mailbox]() mutable {
      Failure failure;
      try {
        const auto id = cuda::unique_id(*gpu);
        ticket->bytes.assign(id.internal, id.internal + sizeof id.internal);
        ticket->has_bytes = true;
      } catch (const std::exception& error) {
        failure = Failure(error);
      }
      gpu.reset();
      mailbox->settle(ticket, failure);
    });
  });
}

/// openCommunicator(device, ticket, rank, size, id, timeout) → id. The environment keeps it until
/// closeCommunicator; the ticket settles when all ranks have come.
Napi::Value open_communicator(Info info) {
  auto& e = Environment::of(info);
  auto gpu = gpu_of(e, info[0]);
  cuda::require_nccl(gpu->libraries);
  cuda::CommunicatorPlace place;
  place.size = between(info[3], "size", 1, 1 << 20);
  place.rank = between(info[2], "rank", 0, place.size - 1);
  place.timeout_ms = between(info[5], "timeout", 1, INT32_MAX);
  if (!info[4].IsTypedArray() || info[4].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      info[4].As<Napi::Uint8Array>().ElementLength() != sizeof place.id.internal)
    fail("[group] id: expected ", sizeof place.id.internal, " bytes");
  std::memcpy(place.id.internal, info[4].As<Napi::Uint8Array>().Data(), sizeof place.id.internal);
  double id = 0;
  with_ticket(e, info[1], 1, [&](Ticket* ticket) {
    auto made = std::make_shared<cuda::Communicator>(std::move(gpu), place, e.mailbox, ticket);
    cuda::Communicator::list(made);
    e.cores.emplace_back(made->core());
    id = e.communicators.add(std::move(made));
  });
  return Napi::Number::New(info.Env(), id);
}

/// communicatorNumber(communicator) → what ops call it.
Napi::Value communicator_number(Info info) {
  return Napi::Number::New(
      info.Env(), double(Environment::of(info).communicators.at(number(info[0], "communicator"))->id()));
}

void abort_communicator(Info info) {
  Environment::of(info).communicators.at(number(info[0], "communicator"))->abort();
}

/// communicatorFailure(communicator) → why it ended, or an empty string
Napi::Value communicator_failure(Info info) {
  return Napi::String::New(
      info.Env(), Environment::of(info).communicators.at(number(info[0], "communicator"))->failure());
}

/// closeCommunicator(communicator, ticket)
void close_communicator(Info info) {
  auto& e = Environment::of(info);
  const double id = number(info[0], "communicator");
  auto kept = e.communicators.at(id);
  e.communicators.remove(id);
  with_ticket(e, info[1], 1,
              [&](Ticket* ticket) { cuda::Communicator::close(std::move(kept), *e.mailbox, ticket); });
}

}  // namespace

void export_communicator(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "lackOfNccl", lack_of_nccl);
  export_function(env, exports, "ncclId", nccl_id);
  export_function(env, exports, "openCommunicator", open_communicator);
  export_function(env, exports, "communicatorNumber", communicator_number);
  export_function(env, exports, "abortCommunicator", abort_communicator);
  export_function(env, exports, "communicatorFailure", communicator_failure);
  export_function(env, exports, "closeCommunicator", close_communicator);
}

}  // namespace alexnode::js
