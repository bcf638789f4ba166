// How: oneDNN's calls of operator new and delete go through its import table (its global offset table). The
// entries of these symbols are pointed at the functions below, once a process; for every other caller, and
// for every thread without a PooledHeap, they only forward. If the table is not found, nothing happens.
// Format: System V ABI, "Dynamic Linking"; the walk over loaded objects is dl_iterate_phdr(3).
#include "cpu/onednn_heap.h"

#if defined(__linux__) && defined(__LP64__)
#include <dlfcn.h>
#include <link.h>
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

namespace alexnode::cpu {

namespace {

thread_local int pooling = 0;

/// Small blocks of one piece of memory, with free lists by size. It is process-wide, like the import table
/// that it serves.
class Pool {
 public:
  void* take(size_t bytes) {
    const size_t kind = (bytes + kUnit - 1) / kUnit;
    if (kind >= kKinds) return nullptr;
    std::lock_guard lock(mutex_);
    if (Block* block = free_[kind]) {
      free_[kind] = block->next;
      return block + 1;
    }
    const size_t size = sizeof(Block) + kind * kUnit;
    if (size > size_t(memory_ + sizeof memory_ - next_)) return nullptr;
    auto* block = new (next_) Block;
    next_ += size;
    block->kind = kind;
    return block + 1;
  }
  bool give(void* p) {
    if (p < memory_ || p >= memory_ + sizeof memory_) return false;
    auto* block = static_cast<Block*>(p) - 1;
    std::lock_guard lock(mutex_);
    block->next = free_[block->kind];
    free_[block->kind] = block;
    return true;
  }

 private:
  static constexpr size_t kUnit = 16, kKinds = 65;
  struct alignas(16) Block {
    size_t kind = 0;
    Block* next = nullptr;
  };
  alignas(16) std::byte memory_[256 << 10];
  std::byte* next_ = memory_;
  Block* free_[kKinds]{};
  std::mutex mutex_;
};

Pool& pool() {
  static Pool p;
  return p;
}

void* pooled_new(size_t bytes) {
  // The workers of a primitive's team have no PooledHeap; creating a primitive needs no team.
  if (pooling || omp_in_parallel())
    if (void* p = pool().take(bytes)) return p;
  return ::operator new(bytes);
}

void pooled_delete(void* p) {
  if (!pool().give(p)) ::operator delete(p);
}

void pooled_delete_sized(void* p, size_t) { pooled_delete(p); }

void* replacement(std::string_view symbol) {
  if (symbol == "_Znwm") return reinterpret_cast<void*>(&pooled_new);
  if (symbol == "_ZdlPv") return reinterpret_cast<void*>(&pooled_delete);
  if (symbol == "_ZdlPvm") return reinterpret_cast<void*>(&pooled_delete_sized);
  return nullptr;
}

/// The parts of a loaded object's dynamic section that say what it imports.
struct Imports {
  explicit Imports(const dl_phdr_info& object) : base(object.dlpi_addr) {
    const ElfW(Dyn)* entry = nullptr;
    for (int i = 0; i < object.dlpi_phnum; i++)
      if (object.dlpi_phdr[i].p_type == PT_DYNAMIC)
        entry = reinterpret_cast<const ElfW(Dyn)*>(base + object.dlpi_phdr[i].p_vaddr);
      else if (object.dlpi_phdr[i].p_type == PT_GNU_RELRO)
        sealed = {base + object.dlpi_phdr[i].p_vaddr, object.dlpi_phdr[i].p_memsz};
    for (; entry && entry->d_tag != DT_NULL; entry++) {
      // glibc has already turned these offsets into addresses; other loaders have not.
      const auto value = entry->d_un.d_val, address = value < base ? base + value : value;
      switch (entry->d_tag) {
        case DT_SYMTAB:
          symbols = reinterpret_cast<const ElfW(Sym)*>(address);
          break;
        case DT_STRTAB:
          names = reinterpret_cast<const char*>(address);
          break;
        case DT_JMPREL:
          slots = reinterpret_cast<const ElfW(Rela)*>(address);
          break;
        case DT_PLTRELSZ:
          count = value / sizeof(ElfW(Rela));
          break;
        case DT_PLTREL:
          if (value != DT_RELA) return;
          break;
      }
    }
    found = symbols && names && slots;
  }
  ElfW(Addr) base;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * slots = nullptr;
  size_t count = 0;
  std::pair<ElfW(Addr), size_t> sealed{};  // read-only once the object is loaded
  bool found = false;
};

void set(const Imports& imports, void** slot, void* to) {
  const auto page = size_t(sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<ElfW(Addr)>(slot), start = at / page * page;
  const bool sealed = at - imports.sealed.first < imports.sealed.second;
  auto* const memory = reinterpret_cast<void*>(start);
  if (sealed && mprotect(memory, page, PROT_READ | PROT_WRITE)) return;
  __atomic_store_n(slot, to, __ATOMIC_RELEASE);
  if (sealed) mprotect(memory, page, PROT_READ);
}

bool install() {
  Dl_info library;
  if (!dladdr(reinterpret_cast<void*>(&dnnl_primitive_execute), &library)) return false;
  pool();  // created before anything can call it
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* library) {
        if (object->dlpi_addr != reinterpret_cast<ElfW(Addr)>(library)) return 0;
        const Imports imports(*object);
        // Delete first: a new block may be deleted at once.
        for (const bool deleting : {true, false})
          for (size_t i = 0; imports.found && i < imports.count; i++) {
            const auto& slot = imports.slots[i];
            const std::string_view name =
                imports.names + imports.symbols[slot.r_info >> 32].st_name;  // as ELF64_R_SYM
            void* to = replacement(name);
            if (to && deleting == name.starts_with("_Zd"))
              set(imports, reinterpret_cast<void**>(imports.base + slot.r_offset), to);
          }
        return 1;
      },
      library.dli_fbase);
  return true;
}

}  // namespace

PooledHeap::PooledHeap() {
  static const bool installed = install();
  if (installed) pooling++;
}

PooledHeap::~PooledHeap() {
  if (pooling) pooling--;
}

}  // namespace alexnode::cpu

#else

namespace alexnode::cpu {
PooledHeap::PooledHeap() = default;
PooledHeap::~PooledHeap() = default;
}  // namespace alexnode::cpu

#endif
