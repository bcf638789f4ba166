// A double of libcudnn.so.9. Like the real one, it calls abort() at a call when a part of it, or cublasLt, is
// not open. -DVERSION=91900 is its version, -DCUDA=13000 the CUDA that it was built for.
#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>

namespace {

constexpr const char* kNeeded[] = {"libcudnn_graph.so.9",
                                   "libcudnn_ops.so.9",
                                   "libcudnn_cnn.so.9",
                                   "libcudnn_adv.so.9",
                                   "libcudnn_engines_precompiled.so.9",
                                   "libcudnn_engines_runtime_compiled.so.9",
                                   "libcudnn_heuristic.so.9",
                                   CUDA / 1000 == 13 ? "libcublasLt.so.13" : "libcublasLt.so.12"};

void need_all() {
  for (const char* name : kNeeded)
    if (!dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) std::abort();
}

}  // namespace

extern "C" {
size_t cudnnGetVersion() {
  need_all();
  return VERSION;
}
size_t cudnnGetCudartVersion() {
  need_all();
  return CUDA;
}
}
