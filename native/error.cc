#include "error.h"

#include <charconv>
#include <cstdio>

namespace alexnode {

Part::Part(long long number) {
  words_ = {number_, size_t(std::to_chars(number_, number_ + sizeof number_, number).ptr - number_)};
}

Part::Part(unsigned long long number) {
  words_ = {number_, size_t(std::to_chars(number_, number_ + sizeof number_, number).ptr - number_)};
}

Part::Part(double number) {
  words_ = {number_, size_t(std::snprintf(number_, sizeof number_, "%g", number))};
}

std::string join(std::initializer_list<Part> parts) {
  std::string out;
  for (const auto& part : parts) out += part.words();
  return out;
}

}  // namespace alexnode
