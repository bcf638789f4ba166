// Groups of processes: opened and connected here, used by ops through their number.
#include "group/group.h"

#include <cstdint>

#include "js/values.h"

namespace alexnode::js {

namespace {

/// openGroup(library, rank, size, host, timeout) → id. The environment keeps it until closeGroup.
Napi::Value open_group(Info info) {
  auto& e = Environment::of(info);
  const auto size = between(info[2], "size", 2, 1 << 20);
  const auto rank = between(info[1], "rank", 0, size - 1);
  const auto timeout = between(info[4], "timeout", 1, INT32_MAX);
  auto group =
      std::make_shared<Group>(string(info[0], "library"), rank, size, string(info[3], "host"), timeout);
  Group::list(group);
  return Napi::Number::New(info.Env(), e.groups.add(std::move(group)));
}

/// groupNumber(group) → what ops call it.
Napi::Value group_number(Info info) {
  return Napi::Number::New(info.Env(),
                           double(Environment::of(info).groups.at(number(info[0], "group"))->id()));
}

/// groupAddress(group, peer) → Uint8Array
Napi::Value group_address(Info info) {
  const auto& group = Environment::of(info).groups.at(number(info[0], "group"));
  const auto bytes = group->address(between(info[1], "peer", 0, group->size() - 1));
  auto buffer = Napi::ArrayBuffer::New(info.Env(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), static_cast<char*>(buffer.Data()));
  return Napi::Uint8Array::New(info.Env(), bytes.size(), buffer, 0);
}

/// connectGroup(group, ticket, addresses): an array of Uint8Array, by rank; its own is not read
void connect_group(Info info) {
  auto& e = Environment::of(info);
  const auto group = e.groups.at(number(info[0], "group"));
  const auto list = array(info[2], "addresses");
  if (int64_t(list.Length()) != group->size())
    fail("[group] addresses: expected ", group->size(), ", got ", list.Length());
  std::vector<std::string> addresses;
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list[i];
    if (!item.IsTypedArray() || item.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
      fail("[group] addresses: expected Uint8Arrays");
    const auto bytes = item.As<Napi::Uint8Array>();
    if (bytes.ElementLength() > kGlooAddress)
      fail("[group] addresses: expected at most ", kGlooAddress, " bytes");
    addresses.emplace_back(reinterpret_cast<const char*>(bytes.Data()), bytes.ElementLength());
  }
  with_ticket(e, info[1], 1, [&](Ticket* ticket) {
    e.mailbox->start_thread("group", [group, ticket, mailbox = e.mailbox, addresses = std::move(addresses)] {
      Failure failure;
      try {
        group->connect(addresses);
      } catch (const std::exception& error) {
        failure = Failure(error);
      }
      mailbox->settle(ticket, failure);
    });
  });
}

void abort_group(Info info) { Environment::of(info).groups.at(number(info[0], "group"))->abort(); }

void close_group(Info info) { Environment::of(info).groups.remove(number(info[0], "group")); }

}  // namespace

void export_group(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "openGroup", open_group);
  export_function(env, exports, "groupNumber", group_number);
  export_function(env, exports, "groupAddress", group_address);
  export_function(env, exports, "connectGroup", connect_group);
  export_function(env, exports, "abortGroup", abort_group);
  export_function(env, exports, "closeGroup", close_group);
}

}  // namespace alexnode::js
