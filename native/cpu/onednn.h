// oneDNN as this backend uses it, and the one place where versions 2 and 3 differ: in 3 the operation
// descriptors went away, and memory descriptors became opaque. Layouts travel as tags ("aBcd8b"), which both
// versions can name.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "op.h"

namespace alexnode::cpu {

using Md = dnnl::memory::desc;

const dnnl::engine& engine();
dnnl::memory::data_type onednn_dtype(DType t);

/// The descriptor of a spec, its layout included ("any" lets the primitive choose). Throws a dnnl::error, as
/// oneDNN does, for a layout that oneDNN has no name for.
Md descriptor(const Spec& spec);
/// The tag of a descriptor that a primitive chose. Throws if oneDNN has no name for it.
std::string tag_of(const Md& md, const Shape& shape);
/// True for the implementations that oneDNN itself calls reference code.
bool is_reference(const std::string& implementation);

/// Throws what oneDNN could not do for this call, and the remedy: "[conv2d] …".
[[noreturn]] void explain(const Specs& specs, const dnnl::error& error);
/// Writes a primitive's choice of layout into a spec that left it open.
void settle(Specs& specs, int slot, const Md& chosen);

/// A primitive whose memory objects are created once; a run only sets their pointers. The caller provides the
/// scratchpad.
class Primitive {
 public:
  /// `args`: which slot goes to which DNNL_ARG, with the descriptor it has there.
  struct Arg {
    int arg, slot;
    Md md;
  };
  Primitive(dnnl::primitive primitive, const std::vector<Arg>& args, const Md& scratchpad);
  void run(const Args& args, size_t scratch_offset = 0) const;
  size_t scratch_bytes() const { return scratch_bytes_; }

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memory_;  // of the slots, then of the scratchpad
  std::vector<int> slots_;
  std::vector<dnnl_exec_arg_t> args_;
  dnnl::memory scratchpad_;
  size_t scratch_bytes_;  // kept, since oneDNN 3 copies a descriptor to the heap to tell them
};

/// The kernel of an op that is one primitive.
KernelPtr make_kernel(Specs specs, std::string implementation, Primitive primitive);

/// Attributes with a scratchpad from the caller.
dnnl::primitive_attr attributes();

}  // namespace alexnode::cpu
