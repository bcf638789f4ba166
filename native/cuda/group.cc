// Collectives between the GPUs of several processes, by NCCL, on the stream beside those that compute.
#include <cstdint>

#include "cuda/communicator.h"
#include "cuda/kernel.h"

namespace alexnode::cuda {

namespace {

std::shared_ptr<Communicator> communicator_of(const Specs& specs, int64_t group, const Target& target) {
  auto found = Communicator::of(group);
  if (found->ordinal() != target.gpu.ordinal)
    specs.fail("group: expected one of cuda:", target.gpu.ordinal, ", got one of cuda:", found->ordinal());
  return found;
}

}  // namespace

KernelPtr make(const AllReduce& f, Specs specs, const Target& target) {
  specs.settle_as(AllReduce::X);
  auto group = communicator_of(specs, f.group, target);
  const auto count = size_t(specs[AllReduce::X].stored());
  const auto dtype = specs[AllReduce::X].dtype;
  return make_vendor_launch(std::move(specs), "nccl",
                            [=, group = std::move(group)](const Args& a, const Launch& launch) {
                              group->all_reduce(a.at<void>(AllReduce::X), count, dtype, launch.stream);
                            });
}

KernelPtr make(const Broadcast& f, Specs specs, const Target& target) {
  specs.settle_as(Broadcast::X);
  auto group = communicator_of(specs, f.group, target);
  if (f.root < 0 || f.root >= group->size())
    specs.fail("root: expected a rank from 0 to ", group->size() - 1, ", got ", f.root);
  const auto bytes = specs[Broadcast::X].bytes();
  return make_vendor_launch(
      std::move(specs), "nccl",
      [=, group = std::move(group), root = int(f.root)](const Args& a, const Launch& launch) {
        group->broadcast(a.at<void>(Broadcast::X), bytes, root, launch.stream);
      });
}

}  // namespace alexnode::cuda
