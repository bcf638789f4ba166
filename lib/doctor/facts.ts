/** What `alexnode doctor` finds out: the object that `--json` prints. */
import type { AddonOrigin } from '../native/addon/found-addon.ts'
import type { CudaDevice, CudaLibrary } from '../native/device-info.ts'

/** The machine, as Node and the kernel describe it. */
export interface SystemFacts {
  /** `process.platform`. */
  readonly platform: string
  /** `process.arch`. */
  readonly arch: string
  /** The C library, and its version if known; `none` is any other one. */
  readonly libc: { readonly name: 'glibc' | 'musl' | 'none'; readonly version?: string }
  /** Name of the processor. */
  readonly cpu: string
  /** Number of physical cores. */
  readonly cores: number
  /** Number of logical processors. */
  readonly processors: number
  /** Default number of threads of training. */
  readonly threads: number
  /** Bytes of memory, within the limits of a container. */
  readonly memory: { readonly total: number; readonly available: number }
  /** PCI addresses of NVIDIA's display devices, with or without a driver. */
  readonly nvidia: readonly string[]
  /** Version of NVIDIA's kernel driver, if it is loaded. */
  readonly driver?: string
}

/** One of NVIDIA's libraries. `crashed`: opening or calling it ended the process, or hung. */
export interface LibraryFacts extends Omit<CudaLibrary, 'state'> {
  readonly state: CudaLibrary['state'] | 'crashed'
}

/** NVIDIA's libraries and GPUs. */
export interface CudaFacts {
  /** In the order in which they are opened. cuDNN's parts have names such as `cudnn_ops`. */
  readonly libraries: readonly LibraryFacts[]
  readonly devices: readonly CudaDevice[]
  /** Folders that were searched before the system's. */
  readonly places: readonly string[]
  /** True if there are a device and all libraries that it needs. */
  readonly complete: boolean
}

/** The native addon. */
export interface AddonFacts {
  readonly loads: boolean
  readonly path?: string
  /** Where it was found: compiled here, prebuilt in the package, or elsewhere. */
  readonly origin?: AddonOrigin
  /** Why it does not load. */
  readonly error?: string
  /** The command that repairs it. */
  readonly remedy?: string
}

/** How the CPU computes. */
export interface CpuFacts {
  /** Version of oneDNN. */
  readonly onednn: string
  /** Widest instruction set in use: AVX2, AVX-512, AMX, … */
  readonly isa: string
  /** 'fast' with AMX, 'slow' with AVX-512 alone. */
  readonly bf16: 'none' | 'slow' | 'fast'
}

/** A problem and its remedy. */
export interface Problem {
  readonly about: 'node' | 'addon' | 'cuda'
  readonly problem: string
  readonly remedy: string
}

/** All facts. What could not be found out is missing. */
export interface Facts {
  /** Version of alexnode. */
  readonly version: string
  readonly node: {
    readonly version: string
    readonly least: string
    readonly supported: boolean
  }
  readonly system: SystemFacts
  readonly addon: AddonFacts
  readonly cpu?: CpuFacts
  readonly cuda?: CudaFacts
  readonly problems: readonly Problem[]
  /** What training is possible on. */
  readonly ready: { readonly cpu: boolean; readonly cuda: boolean }
  /** One line for people: `cpu: ready · cuda: no driver (libcuda.so.1 not found)` */
  readonly verdict: string
  /** The verdict in parts: `ready` and `no driver (libcuda.so.1 not found)`. */
  readonly verdicts: { readonly cpu: string; readonly cuda: string }
}
