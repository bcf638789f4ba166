#include "cpu/device.h"
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace alexnode::cpu {

namespace {

struct Row {
  const char* name;
  bool (*exists)();
  KernelPtr (*make)(const void* fields, const Specs& specs);
};

template <class Op>
constexpr Row row() {
  return {
      Op::name,
      [] {
        KernelPtr (*factory)(const Op&, Specs) = &make;
        return factory != nullptr;
      },
      [](const void* fields, const Specs& specs) { return make(*static_cast<const Op*>(fields), specs); }};
}

#define ALEXNODE_ROW(Op) row<Op>(),
constexpr Row kRows[] = {ALEXNODE_OPS(ALEXNODE_ROW)};
#undef ALEXNODE_ROW

}  // namespace

KernelPtr make(size_t op, const void* fields, Specs specs) {
  const auto& row = kRows[op];
  if (!row.exists()) fail("[", row.name, "] no cpu implementation");
  for (size_t i = 0; i < specs.size(); i++)
    if (specs[i].dtype == DType::f16)
      specs.fail(specs.slots[i].name, ": expected dtype f32 or bf16 on a CPU, got f16, which is for GPUs");
  try {
    auto kernel = row.make(fields, specs);
    kernel->specs.check_sizes();
    return kernel;
  } catch (const dnnl::error& error) {
    explain(specs, error);
  }
}

}  // namespace alexnode::cpu
