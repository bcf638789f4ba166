// Collectives between processes. They run on the thread of a stream beside those that compute.
#include "group/group.h"

#include <cstdint>

#include "cpu/kernels.h"

namespace alexnode::cpu {

namespace {

/// Tags are 32 bits wide, and Gloo takes the highest for itself.
uint32_t checked_tag(const Specs& specs, int64_t tag) {
  if (tag < 0 || tag >= int64_t(1) << 24) specs.fail("tag: expected from 0 to 2^24 - 1, got ", tag);
  return uint32_t(tag);
}

}  // namespace

KernelPtr make(const AllReduce& f, Specs specs) {
  specs.settle_as(AllReduce::X);
  const auto tag = checked_tag(specs, f.tag);
  const auto count = size_t(specs[AllReduce::X].stored());
  const auto dtype = specs[AllReduce::X].dtype;
  return make_kernel(std::move(specs), "gloo", [=, group = Group::of(f.group)](const Args& a) {
    group->all_reduce(a.at<void>(AllReduce::X), count, dtype, tag);
  });
}

KernelPtr make(const Broadcast& f, Specs specs) {
  specs.settle_as(Broadcast::X);
  const auto tag = checked_tag(specs, f.tag);
  auto group = Group::of(f.group);
  if (f.root < 0 || f.root >= group->size())
    specs.fail("root: expected a rank from 0 to ", group->size() - 1, ", got ", f.root);
  const auto bytes = specs[Broadcast::X].bytes();
  return make_kernel(std::move(specs), "gloo",
                     [=, group = std::move(group), root = int(f.root)](const Args& a) {
                       group->broadcast(a.at<void>(Broadcast::X), bytes, root, tag);
                     });
}

}  // namespace alexnode::cpu
