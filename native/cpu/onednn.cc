#include "cpu/onednn.h"

#include <oneapi/dnnl/dnnl_debug.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <mutex>

#include "cpu/device.h"
#include "cpu/onednn_heap.h"
#include "cpu/simd/isa.h"

namespace alexnode::cpu {

const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

dnnl::memory::data_type onednn_dtype(DType t) {
  using dt = dnnl::memory::data_type;
  switch (t) {
    case DType::f32:
      return dt::f32;
    case DType::bf16:
      return dt::bf16;
    case DType::f16:
      return dt::f16;
    case DType::u8:
      return dt::u8;
    case DType::i32:
      return dt::s32;
    default:
      fail("[onednn] has no dtype ", name_of(t));
  }
}

namespace {
/// Every tag that oneDNN has a name for, by that name.
const std::unordered_map<std::string, dnnl::memory::format_tag>& tags() {
  static const auto table = [] {
    std::unordered_map<std::string, dnnl::memory::format_tag> t;
    for (int i = 2; i < int(dnnl_format_tag_last); i++) {
      const char* name = dnnl_fmt_tag2str(dnnl_format_tag_t(i));
      if (name && std::strncmp(name, "unknown", 7)) t.emplace(name, dnnl::memory::format_tag(i));
    }
    return t;
  }();
  return table;
}
}  // namespace

Md descriptor(const Spec& s) {
  const auto dtype = onednn_dtype(s.dtype);
  if (s.layout == "any") return Md(s.shape, dtype, dnnl::memory::format_tag::any);
  const auto found = tags().find(s.layout);
  if (found == tags().end()) throw dnnl::error(dnnl_invalid_arguments, "unknown layout");
  return Md(s.shape, dtype, found->second);
}

namespace {
dnnl::memory::data_type data_type_of(const Md& md) {
#if DNNL_VERSION_MAJOR >= 3
  return md.get_data_type();
#else
  return md.data_type();
#endif
}

/// False for the empty descriptor that oneDNN 3 returns if a shape cannot have the layout; it cannot be
/// compared.
bool is_made([[maybe_unused]] const Md& md) {
#if DNNL_VERSION_MAJOR >= 3
  return md.get(/*allow_empty=*/true) != nullptr;
#else
  return true;
#endif
}
}  // namespace

std::string tag_of(const Md& md, const Shape& shape) {
  if (md == Md(shape, data_type_of(md), tags().at(dense_layout(shape.size()))))
    return dense_layout(shape.size());
  // If a dim is 1, several names fit. The alphabetically first keeps the usual order of an image's dims.
  const auto letters = [](std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name;
  };
  std::string found;
  for (const auto& [name, tag] : tags()) {
    if (size_t(std::count_if(name.begin(), name.end(), [](char c) {
          return std::isalpha(static_cast<unsigned char>(c));
        })) < shape.size())
      continue;
    const Md candidate(shape, data_type_of(md), tag, /*allow_empty=*/true);
    if (is_made(candidate) && candidate == md && (found.empty() || letters(name) < letters(found)))
      found = name;
  }
  if (!found.empty()) return found;
  fail("[onednn] chose a layout for ", to_text(shape), " that it has no name for");
}

bool is_reference(const std::string& name) {
  return name.rfind("ref:", 0) == 0 || name.find("_ref:") != std::string::npos;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Primitive::Primitive(dnnl::primitive primitive, const std::vector<Arg>& args, const Md& scratchpad)
    : primitive_(std::move(primitive)),
      scratchpad_(scratchpad, engine(), DNNL_MEMORY_NONE),
      scratch_bytes_(scratchpad.get_size()) {
  for (const auto& a : args) {
    memory_.push_back(dnnl::memory(a.md, engine(), DNNL_MEMORY_NONE));
    slots_.push_back(a.slot);
    args_.push_back({a.arg, memory_.back().get()});
  }
  if (scratch_bytes()) args_.push_back({DNNL_ARG_SCRATCHPAD, scratchpad_.get()});
}

namespace {
/// Only if it differs: each time it is set, oneDNN writes zeros to the tensor's padding.
void point(const dnnl::memory& memory, void* to) {
  if (memory.get_data_handle() != to) memory.set_data_handle(to);
}
}  // namespace

// The C call: its C++ form makes a list of arguments on the heap each time.
void Primitive::run(const Args& args, size_t scratch_offset) const {
  static thread_local const dnnl::stream stream(engine());
  for (size_t i = 0; i < slots_.size(); i++) point(memory_[i], args.slot[slots_[i]]);
  if (scratch_bytes()) point(scratchpad_, static_cast<std::byte*>(args.scratch) + scratch_offset);
  const PooledHeap heap;
  const auto status = dnnl_primitive_execute(primitive_.get(), stream.get(), int(args_.size()), args_.data());
  if (status != dnnl_success) fail("[onednn] could not run a primitive: ", dnnl_status2str(status));
}

KernelPtr make_kernel(Specs specs, std::string implementation, Primitive primitive) {
  const size_t scratch = primitive.scratch_bytes();
  return make_kernel(
      std::move(specs), std::move(implementation), [p = std::move(primitive)](const Args& a) { p.run(a); },
      scratch);
}

void settle(Specs& specs, int slot, const Md& chosen) {
  auto& s = specs[slot];
  if (s.layout == "any") s.layout = tag_of(chosen, s.shape);
}

void explain(const Specs& specs, const dnnl::error& error) {
  const auto cpu = describe();
  bool bf16 = false;
  std::string call;
  for (size_t i = 0; i < specs.size(); i++) {
    const auto& s = specs[i];
    if (s.absent) continue;
    if (s.layout != "any" && !tags().contains(s.layout))
      specs.fail(specs.slots[i].name, ": oneDNN does not know the layout '", s.layout, "'; reorder it first");
    bf16 |= s.dtype == DType::bf16;
    call += text(call.empty() ? "" : ", ", specs.slots[i].name, " ", name_of(s.dtype), " ", to_text(s.shape),
                 " ", s.layout);
  }
  if (error.status == dnnl_out_of_memory)
    throw OutOfMemory(text("[", specs.op, "] oneDNN ", cpu.onednn, " found no memory for ", call));
  if (error.status != dnnl_unimplemented)
    specs.fail("oneDNN ", cpu.onednn, " failed: ", error.message, " (", dnnl_status2str(error.status),
               ") for ", call);
  if (bf16 && !cpu.bf16) specs.fail("oneDNN cannot do bf16 on this CPU (", cpu.isa, "): use dtype f32");
  specs.fail("oneDNN ", cpu.onednn, " has no implementation on this CPU (", cpu.isa, ") for ", call,
             ": leave the layouts to the op");
}

// oneDNN names the numbers of instruction sets for x86 alone; on arm64 the same numbers mean others.
#if defined(__aarch64__)
int block_channels() { return sve_bits() >= 512 ? 16 : 8; }

CpuInfo describe() {
  const auto* v = dnnl_version();
  const int bits = sve_bits();
  const bool used = v->major >= 3 ? bits > 0 : bits >= 512;
  return {text(v->major, ".", v->minor, ".", v->patch), used ? text("SVE of ", bits, " bits") : "NEON", false,
          false};
}
#else
int block_channels() {
  const unsigned isa = dnnl_get_effective_cpu_isa(), wide = dnnl_cpu_isa_avx512_core;
  return (isa & wide) == wide ? 16 : 8;
}

CpuInfo describe() {
  const auto* v = dnnl_version();
  const char* isa = "sse";
  bool bf16 = false, fast = false;
  switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
      isa = "SSE4.1";
      break;
    case dnnl_cpu_isa_avx:
      isa = "AVX";
      break;
    case dnnl_cpu_isa_avx2:
      isa = "AVX2";
      break;
    case dnnl_cpu_isa_avx2_vnni:
      isa = "AVX2 with VNNI";
      break;
    case dnnl_cpu_isa_avx512_core:
      isa = "AVX-512", bf16 = true;
      break;
    case dnnl_cpu_isa_avx512_core_vnni:
      isa = "AVX-512 with VNNI", bf16 = true;
      break;
    case dnnl_cpu_isa_avx512_core_bf16:
      isa = "AVX-512 with bf16", bf16 = true;
      break;
    case dnnl_cpu_isa_avx512_core_amx:
      isa = "AVX-512 with AMX", bf16 = fast = true;
      break;
    default:
      isa = "unknown";
      break;
  }
  return {text(v->major, ".", v->minor, ".", v->patch), isa, bf16, fast};
}
#endif

}  // namespace alexnode::cpu
