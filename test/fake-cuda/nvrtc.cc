// A double of NVRTC. It compiles nothing: it checks that every included header is given, and returns a mark
// that the driver's double takes for the kernels of "TOPIC.cu". -DCUDA=13000 is its version.
#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "fake.h"

namespace {

constexpr int kInvalidInput = 3, kInvalidProgram = 4, kInvalidOption = 5, kCompilation = 6;
constexpr int kArchs[] = {75, 80, 86, 89, 90, 100, 120};

struct Program {
  std::string source, name, log, cubin;
  std::map<std::string, std::string> headers;
};
// Those that live; a leaked one is counted by the driver's double.
std::set<Program*>& programs() {
  static auto& all = *new std::set<Program*>;
  return all;
}
bool lives(Program* program) {
  if (programs().contains(program)) return true;
  fake_misuse("NVRTC: no such program");
  return false;
}

/// Follows includes, without those that are for other compilers: where __CUDACC__ is not defined.
void include(Program& program, const std::string& name, const std::string& text,
             std::set<std::string>& seen) {
  if (!seen.insert(name).second) return;
  std::istringstream lines(text);
  std::string line;
  int number = 0, depth = 0, other = 0;  // depth where the other compilers' part began
  while (std::getline(lines, line)) {
    ++number;
    if (line.starts_with("#if")) {
      ++depth;
      if (!other && line.starts_with("#ifndef __CUDACC__")) other = depth;
      if (!other && line.starts_with("#ifdef __CUDACC__")) other = -depth;
    } else if (line.starts_with("#else") && other == -depth) {
      other = depth;
    } else if (line.starts_with("#endif")) {
      if (other == depth || other == -depth) other = 0;
      --depth;
    } else if (line.starts_with("#include") && other <= 0) {
      const auto from = line.find_first_of("\"<"), to = line.find_first_of("\">", from + 1);
      const auto header = to == std::string::npos ? line : line.substr(from + 1, to - from - 1);
      const auto found = program.headers.find(header);
      if (found == program.headers.end())
        program.log += name + "(" + std::to_string(number) +
                       "): catastrophic error: cannot open source file \"" + header + "\"\n";
      else
        include(program, header, found->second, seen);
    }
  }
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int nvrtcVersion(int* major, int* minor) {
  if (const int error = fake_call("nvrtcVersion")) return error;
  *major = CUDA / 1000;
  *minor = CUDA % 1000 / 10;
  return 0;
}

const char* nvrtcGetErrorString(int result) {
  return result == 0                ? "NVRTC_SUCCESS"
         : result == 1              ? "NVRTC_ERROR_OUT_OF_MEMORY"
         : result == kInvalidInput  ? "NVRTC_ERROR_INVALID_INPUT"
         : result == kInvalidOption ? "NVRTC_ERROR_INVALID_OPTION"
         : result == kCompilation   ? "NVRTC_ERROR_COMPILATION"
                                    : "NVRTC_ERROR unknown";
}

int nvrtcCreateProgram(Program** program, const char* source, const char* name, int count,
                       const char* const* headers, const char* const* names) {
  if (const int error = fake_call("nvrtcCreateProgram")) return error;
  if (!source || !*source || !name || count < 0) return kInvalidInput;
  auto* made = new Program{source, name, {}, {}, {}};
  for (int i = 0; i < count; ++i) made->headers[names[i]] = headers[i];
  programs().insert(*program = made);
  fake_live("NVRTC programs", 1);
  return 0;
}

int nvrtcDestroyProgram(Program** program) {
  const int failed = fake_call("nvrtcDestroyProgram");
  if (!lives(*program)) return kInvalidProgram;
  programs().erase(*program);
  fake_live("NVRTC programs", -1);
  delete *program;
  *program = nullptr;
  return failed;
}

int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  const int failed = fake_call("nvrtcCompileProgram");
  if (!lives(program)) return kInvalidProgram;
  bool known = false;
  for (int i = 0; i < count; ++i)
    for (const int arch : kArchs) known = known || options[i] == "-arch=sm_" + std::to_string(arch);
  if (!known) return kInvalidOption;
  program->log.clear();
  std::set<std::string> seen;
  include(*program, program->name, program->source, seen);
  if (failed) program->log += program->name + "(1): error: as the test asked for\n";
  if (failed || !program->log.empty()) return failed ? failed : kCompilation;
  const auto topic = program->name.substr(0, program->name.find('.'));
  program->cubin = "fake cubin of " + topic + '\0';
  return 0;
}

int nvrtcGetProgramLogSize(Program* program, size_t* bytes) {
  if (const int error = fake_call("nvrtcGetProgramLogSize")) return error;
  if (!lives(program)) return kInvalidProgram;
  *bytes = program->log.size() + 1;
  return 0;
}
int nvrtcGetProgramLog(Program* program, char* log) {
  if (const int error = fake_call("nvrtcGetProgramLog")) return error;
  if (!lives(program)) return kInvalidProgram;
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return 0;
}
int nvrtcGetCUBINSize(Program* program, size_t* bytes) {
  if (const int error = fake_call("nvrtcGetCUBINSize")) return error;
  if (!lives(program)) return kInvalidProgram;
  *bytes = program->cubin.size();
  return 0;
}
int nvrtcGetCUBIN(Program* program, char* cubin) {
  if (const int error = fake_call("nvrtcGetCUBIN")) return error;
  if (!lives(program)) return kInvalidProgram;
  std::memcpy(cubin, program->cubin.data(), program->cubin.size());
  return 0;
}

int nvrtcGetNumSupportedArchs(int* count) {
  if (const int error = fake_call("nvrtcGetNumSupportedArchs")) return error;
  *count = int(std::size(kArchs));
  return 0;
}
int nvrtcGetSupportedArchs(int* archs) {
  if (const int error = fake_call("nvrtcGetSupportedArchs")) return error;
  for (const int arch : kArchs) *archs++ = arch;
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
