// Checked conversions of JavaScript values to C++ ones, and tickets. Error messages name the argument.
#pragma once
#include <cmath>
#include <cstdint>

#include "js/environment.h"

namespace alexnode::js {

inline double number(Napi::Value v, const char* what) {
  if (!v.IsNumber()) fail("[native] ", what, ": expected a number");
  return v.As<Napi::Number>().DoubleValue();
}

inline int64_t integer(Napi::Value v, const char* what) {
  const double d = number(v, what);
  if (!(std::abs(d) <= 9007199254740991.0) || d != std::floor(d))
    fail("[native] ", what, ": expected a whole number, got ", d);
  return int64_t(d);
}

/// A whole number from `least` to `most`.
inline int between(Napi::Value v, const char* what, int least, int most) {
  const int64_t i = integer(v, what);
  if (i < least || i > most) fail("[native] ", what, ": expected from ", least, " to ", most, ", got ", i);
  return int(i);
}

inline size_t size(Napi::Value v, const char* what) {
  const int64_t i = integer(v, what);
  if (i < 0) fail("[native] ", what, ": expected 0 or more, got ", i);
  return size_t(i);
}

inline std::string string(Napi::Value v, const char* what) {
  if (!v.IsString()) fail("[native] ", what, ": expected a string");
  return v.As<Napi::String>().Utf8Value();
}

inline Napi::Object object(Napi::Value v, const char* what) {
  if (!v.IsObject()) fail("[native] ", what, ": expected an object");
  return v.As<Napi::Object>();
}

/// Starts work that settles a ticket. If it cannot be queued, the ticket is rejected.
template <class F>
void with_ticket(Environment& e, Napi::Value ticket_id, int parts, F&& start) {
  auto* ticket = e.mailbox->take(number(ticket_id, "ticket"), parts);
  try {
    start(ticket);
  } catch (const std::exception& error) {
    ticket->parts = 1;
    e.mailbox->settle(ticket, Failure(error));
  }
}

inline Napi::Array array(Napi::Value v, const char* what) {
  if (!v.IsArray()) fail("[native] ", what, ": expected an array");
  return v.As<Napi::Array>();
}

}  // namespace alexnode::js
