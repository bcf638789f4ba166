#include "cuda/table.h"

namespace alexnode::cuda {

namespace {
template <class Op>
KernelPtr make_erased(const void* fields, Specs specs, const Target& target) {
  KernelPtr (*factory)(const Op&, Specs, const Target&) = &make;
  if (!factory) fail("[", Op::name, "] no cuda implementation");
  return factory(*static_cast<const Op*>(fields), std::move(specs), target);
}
}  // namespace

KernelPtr make(size_t op, const void* fields, Specs specs, const Target& target) {
#define ALEXNODE_ROW(Op) &make_erased<Op>,
  static constexpr KernelPtr (*rows[])(const void*, Specs, const Target&) = {ALEXNODE_OPS(ALEXNODE_ROW)};
#undef ALEXNODE_ROW
  auto kernel = rows[op](fields, std::move(specs), target);
  kernel->specs.check_sizes();
  return kernel;
}

}  // namespace alexnode::cuda
