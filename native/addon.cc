// The addon: an environment's state, and the functions that lib/native/binding.ts calls. No mathematics.
#include <dlfcn.h>

#include "js/environment.h"
#include "spinning.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  using namespace alexnode::js;
  alexnode::stop_choosing_spins();
  // A worker that ends unloads its addons, while threads of oneDNN and OpenMP may still run their code.
  if (Dl_info self; dladdr(reinterpret_cast<void*>(&Init), &self))
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE);
  env.SetInstanceData(new std::shared_ptr<Environment>(std::make_shared<Environment>(env)));
  export_ops(env, exports);
  export_device(env, exports);
  export_cuda(env, exports);
  export_loader(env, exports);
  export_resample(env, exports);
  export_group(env, exports);
  export_communicator(env, exports);
  return exports;
}

NODE_API_MODULE(alexnode, Init)
