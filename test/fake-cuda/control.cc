#include "control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "fake.h"

namespace fake {

namespace {
/// "512M" is 512 · 2^20.
int64_t number(const std::string& words) {
  char* end;
  const int64_t value = std::strtoll(words.c_str(), &end, 0);
  const char* unit = *end ? std::strchr("KMGT", *end) : nullptr;
  return unit ? value << 10 * (unit - "KMGT" + 1) : value;
}
}  // namespace

Control& Control::get() {
  static Control& control = *new Control;  // outlives every other destructor
  return control;
}

Control::Control() {
  const char* path = std::getenv("ALEXNODE_FAKE_CUDA_CONTROL");
  const int file = path && *path ? open(path, O_RDWR) : -1;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                      file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED) {
    std::perror("fake CUDA: the control file");
    std::abort();
  }
  memory_ = static_cast<char*>(memory);
  std::memcpy(memory_, "fakecuda", 8);
  const char* words = std::getenv("ALEXNODE_FAKE_CUDA");
  std::istringstream settings(words ? words : "");
  for (std::string one; std::getline(settings, one, ',');)
    if (const auto at = one.find('='); at != std::string::npos)
      settings_[one.substr(0, at)] = number(one.substr(at + 1));
}

Control::Slot& Control::slot(const std::string& name) {
  if (const auto found = slots_.find(name); found != slots_.end()) return *found->second;
  auto* header = reinterpret_cast<Header*>(memory_);
  auto* slots = reinterpret_cast<Slot*>(memory_ + kSlotsAt);
  uint32_t i = 0;
  while (i < header->slots && name.compare(0, sizeof slots->name - 1, slots[i].name) != 0) ++i;
  if (i == kSlots) std::abort();
  if (i == header->slots) {
    std::strncpy(slots[i].name, name.c_str(), sizeof slots[i].name - 1);
    ++header->slots;
  }
  return *(slots_[name] = &slots[i]);
}

void Control::count(const std::string& name, int64_t change) {
  const std::lock_guard lock(mutex_);
  slot(name).value += change;
}

void Control::misuse(const std::string& words) {
  count("misuses", 1);
  std::fprintf(stderr, "fake CUDA: %s\n", words.c_str());
}

int64_t Control::setting(const std::string& name, int64_t otherwise) {
  const std::lock_guard lock(mutex_);
  obey();
  const auto found = settings_.find(name);
  return found == settings_.end() ? otherwise : found->second;
}

void Control::command(const std::string& line) {
  std::istringstream words(line);
  std::string verb, name, value;
  words >> verb;
  if (verb == "fail") {
    Plan plan;
    words >> name >> plan.in >> plan.error;
    plans_.insert({name, plan});
  } else if (verb == "work") {
    words >> work_plan_.in >> work_plan_.error;
  } else if (verb == "set") {
    words >> name >> value;
    settings_[name] = number(value);
  } else if (verb == "clear") {
    plans_.clear();
    work_plan_ = {};
    sticky_ = 0;
  }
  if (!words && verb != "clear") misuse("not understood: " + line);
}

void Control::obey() {
  auto* header = reinterpret_cast<Header*>(memory_);
  if (header->written == header->obeyed) return;
  const uint32_t from = header->obeyed, to = header->written;
  std::istringstream lines(std::string(memory_ + kCommandsAt + from, memory_ + kCommandsAt + to));
  for (std::string line; std::getline(lines, line);) command(line);
  header->obeyed = to;
}

int Control::call(const char* symbol) {
  const std::lock_guard lock(mutex_);
  obey();
  ++slot(symbol).value;
  int error = 0;
  const auto plan = [&](const std::string& name) {
    for (auto [i, end] = plans_.equal_range(name); i != end;) {
      if (--i->second.in > 0) {
        ++i;
      } else {
        error = i->second.error;
        i = plans_.erase(i);
      }
    }
  };
  plan(symbol);
  plan("*");
  return error;
}

int Control::work() {
  const std::lock_guard lock(mutex_);
  obey();
  return work_plan_.in > 0 && --work_plan_.in == 0 ? work_plan_.error : 0;
}

int Control::sticky() {
  const std::lock_guard lock(mutex_);
  return sticky_;
}

void Control::make_sticky(int error) {
  const std::lock_guard lock(mutex_);
  if (!sticky_) sticky_ = error;
}

bool Control::stays(int error) {
  // CUDA_ERROR_ECC_UNCORRECTABLE, and from ILLEGAL_ADDRESS on what a kernel can do wrong.
  return error == 214 || error == 700 || error == 702 || (error >= 714 && error <= 719);
}

}  // namespace fake

#pragma GCC visibility push(default)
extern "C" {
int fake_call(const char* symbol) { return fake::Control::get().call(symbol); }
int fake_sticky() { return fake::Control::get().sticky(); }
void fake_misuse(const char* words) { fake::Control::get().misuse(words); }
void fake_live(const char* kind, long change) {
  fake::Control::get().count(std::string("live ") + kind, change);
}
long long fake_setting(const char* name, long long otherwise) {
  return fake::Control::get().setting(name, otherwise);
}
}
#pragma GCC visibility pop
