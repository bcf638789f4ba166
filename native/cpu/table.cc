#include "cpu/device.h"
#include "cpu/kernels.h"
#include "cpu/onednn.h"

namespace alexnode::cpu {

namespace {
template <class Op>
KernelPtr make_erased(const void* fields, Specs specs) {
  KernelPtr (*factory)(const Op&, Specs) = &make;
  if (!factory) fail("[", Op::name, "] no cpu implementation");
  for (size_t i = 0; i < specs.size(); i++)
    if (specs[i].dtype == DType::f16)
      specs.fail(specs.slots[i].name, ": expected dtype f32 or bf16 on a CPU, got f16, which is for GPUs");
  try {
    return factory(*static_cast<const Op*>(fields), specs);
  } catch (const dnnl::error& error) {
    explain(specs, error);
  }
}
}  // namespace

KernelPtr make(size_t op, const void* fields, Specs specs) {
#define ALEXNODE_ROW(Op) &make_erased<Op>,
  static constexpr KernelPtr (*rows[])(const void*, Specs) = {ALEXNODE_OPS(ALEXNODE_ROW)};
#undef ALEXNODE_ROW
  return rows[op](fields, std::move(specs));
}

}  // namespace alexnode::cpu
