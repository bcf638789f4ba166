// The order in which the libraries are opened, and which of them go together. cuDNN and NCCL have the same
// name for CUDA 12 and 13: cuDNN is asked which one it was built for, and that decides which cuBLAS and NVRTC
// are used.
#include "cuda/libraries/libraries.h"

#include <algorithm>

#include "cuda/libraries/cudnn.h"
#include "cuda/libraries/driver.h"
#include "cuda/libraries/toolkit.h"
#include "error.h"

namespace alexnode::cuda {

namespace {

constexpr int kMajors[] = {13, 12};

/// The toolkit that goes with cuDNN; without cuDNN, the newest that the driver supports.
Toolkit& choose(std::vector<Toolkit>& toolkits, const Report& report) {
  for (auto& t : toolkits)
    if (t.major == report.cudnn_major) return t;
  for (auto& t : toolkits)
    if (t.any() && (report.driver_major == 0 || t.major <= report.driver_major)) return t;
  for (auto& t : toolkits)
    if (t.major <= report.driver_major) return t;
  return toolkits.front();
}

/// Marks what does not go with the driver, or with the toolkit, as unsuited.
void match(Toolkit& toolkit, LibraryReport& cudnn, const Report& report) {
  if (report.cudnn_major && report.cudnn_major != toolkit.major && cudnn.state == State::ready) {
    cudnn.state = State::unsuited;
    cudnn.error = text("expected one for CUDA 12 or 13, got one for CUDA ", report.cudnn_major);
  }
  if (!report.driver_major || toolkit.major <= report.driver_major) return;
  for (auto* r : {&toolkit.nvrtc_report, &toolkit.cublaslt_report, &toolkit.cublas_report, &cudnn}) {
    if (r->state != State::ready) continue;
    r->state = State::unsuited;
    r->error = text("expected one for CUDA ", report.driver_major, ", the driver's newest, got one for CUDA ",
                    toolkit.major);
  }
}

void open_nccl(const Opener& opener, Nccl& nccl, Report& report) {
  LibraryReport r{"nccl", "libnccl.so.2"};
  NcclVersion first;
  int v = 0;
  if (opener.load(r, first) && opener.call(r, "ncclGetVersion", first.ncclGetVersion, &v)) {
    // Until 2.8 a version was major · 1000 + minor · 100 + patch.
    const int wide = v < 10000 ? 1000 : 10000;
    r.version = dotted({v / wide, v % wide / 100, v % 100});
    if (v < kNcclOldest) {
      r.state = State::unsuited;
      r.error = text("expected NCCL 2.14 or newer, got ", r.version);
    } else {
      opener.load(r, nccl);
    }
  }
  report.libraries.push_back(std::move(r));
}

}  // namespace

bool Report::complete() const {
  return !devices.empty() && std::all_of(libraries.begin(), libraries.end(), [](const LibraryReport& r) {
    return r.state == State::ready || r.name == "nccl";
  });
}

Libraries open_libraries(const Watch& watch, const Refused& refused) {
  const Opener opener(watch, refused);
  Libraries out;
  auto& report = out.report;
  report.places = opener.places().ours;
  report.places.insert(report.places.end(), opener.places().known.begin(), opener.places().known.end());
  open_driver(opener, out.driver, report);
  std::vector<Toolkit> toolkits;
  for (const int major : kMajors) toolkits.push_back(open_toolkit(opener, major));
  const bool cublaslt = std::any_of(toolkits.begin(), toolkits.end(),
                                    [](const Toolkit& t) { return t.cublaslt_report.state == State::ready; });
  auto cudnn = open_cudnn(opener, out.cudnn, cublaslt, report.cudnn_major);
  auto& toolkit = choose(toolkits, report);
  match(toolkit, cudnn.front(), report);
  out.nvrtc = toolkit.nvrtc;
  out.cublaslt = toolkit.cublaslt;
  out.cublas = toolkit.cublas;
  for (auto* r :
       {&toolkit.nvrtc_report, &toolkit.builtins_report, &toolkit.cublaslt_report, &toolkit.cublas_report})
    report.libraries.push_back(std::move(*r));
  for (auto& r : cudnn) report.libraries.push_back(std::move(r));
  open_nccl(opener, out.nccl, report);
  return out;
}

}  // namespace alexnode::cuda
