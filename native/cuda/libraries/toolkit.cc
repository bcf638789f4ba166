#include "cuda/libraries/toolkit.h"

#include "error.h"

namespace alexnode::cuda {

namespace {

/// NVRTC opens these by name at its first compilation: from beside itself they are of the same version.
void open_builtins(const Opener& opener, Toolkit& t, int minor) {
  auto& r = t.builtins_report;
  if (t.nvrtc_report.state != State::ready) {
    r.error = "not looked for: it lies beside " + t.nvrtc_report.file;
    return;
  }
  r.file += text(".", minor);
  r.version = t.nvrtc_report.version;
  opener.open_beside(r, t.nvrtc_report.path);
}

}  // namespace

Toolkit open_toolkit(const Opener& opener, int major) {
  const auto file = [&](const char* name) { return text("lib", name, ".so.", major); };
  Toolkit t{major,
            {},
            {},
            {},
            {"nvrtc", file("nvrtc")},
            {"nvrtc-builtins", file("nvrtc-builtins")},
            {"cublaslt", file("cublasLt")},
            {"cublas", file("cublas")}};
  int v[2] = {};
  if (opener.load(t.nvrtc_report, t.nvrtc) &&
      opener.call(t.nvrtc_report, "nvrtcVersion", t.nvrtc.nvrtcVersion, v, v + 1))
    t.nvrtc_report.version = dotted({v[0], v[1]});
  open_builtins(opener, t, v[1]);
  // cuBLAS needs cublasLt, which the system's loader finds because it is open.
  if (opener.load(t.cublaslt_report, t.cublaslt))
    opener.ask_version(t.cublaslt_report, "cublasLtGetProperty", t.cublaslt.cublasLtGetProperty);
  if (opener.load(t.cublas_report, t.cublas))
    opener.ask_version(t.cublas_report, "cublasGetProperty", t.cublas.cublasGetProperty);
  return t;
}

}  // namespace alexnode::cuda
