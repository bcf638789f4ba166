/** What `alexnode doctor` knows of a machine: the object that `--json` prints. */
import type { AddonOrigin } from '../native/addon/found-addon.ts'
import type { CudaDevice, CudaLibrary } from '../native/device-info.ts'

/** The machine, without any of our native code. */
export interface SystemFacts {
  /** As in `process.platform`. */
  readonly platform: string
  /** As in `process.arch`. */
  readonly arch: string
  /** The C library and its version, where known; `none` where the system has another kind. */
  readonly libc: { readonly name: 'glibc' | 'musl' | 'none'; readonly version?: string }
  /** The processor's name. */
  readonly cpu: string
  /** Physical cores, logical processors, and the threads that training takes when not told. */
  readonly cores: number
  readonly processors: number
  readonly threads: number
  /** Bytes: all, and what could be taken now. Limits of a container count. */
  readonly memory: { readonly total: number; readonly available: number }
  /** NVIDIA's display devices on the PCI bus, by address, whether there is a driver or not. */
  readonly nvidia: readonly string[]
  /** The version of NVIDIA's kernel driver, where one is loaded. */
  readonly driver?: string
}

/** One of NVIDIA's libraries. `crashed`: opening or calling it ended the process, or did not end. */
export interface LibraryFacts extends Omit<CudaLibrary, 'state'> {
  readonly state: CudaLibrary['state'] | 'crashed'
}

export interface CudaFacts {
  /** In the order in which they are opened; cuDNN's parts have names such as `cudnn_ops`. */
  readonly libraries: readonly LibraryFacts[]
  readonly devices: readonly CudaDevice[]
  /** Folders that were looked in before the system's own. */
  readonly places: readonly string[]
  /** Whether there is a device and every library that it needs. */
  readonly complete: boolean
}

export interface AddonFacts {
  readonly loads: boolean
  readonly path?: string
  /** How it was found: compiled here, prebuilt in the package, or named by ALEXNODE_PREBUILD. */
  readonly origin?: AddonOrigin
  /** Why it does not load. */
  readonly error?: string
  /** The command that mends it. */
  readonly remedy?: string
}

/** What the CPU computes with. */
export interface CpuFacts {
  /** oneDNN's version. */
  readonly onednn: string
  /** The widest instruction set in use: AVX2, AVX-512, AMX, … */
  readonly isa: string
  /** Whether training in bf16 is possible, and by AMX. */
  readonly bf16: 'none' | 'slow' | 'fast'
}

/** Something that is wrong, and what mends it. */
export interface Problem {
  readonly about: 'node' | 'addon' | 'cuda'
  readonly problem: string
  readonly remedy: string
}

/** All of it. What could not be found out is left out. */
export interface Facts {
  /** The version of alexnode. */
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
  /** What can train. */
  readonly ready: { readonly cpu: boolean; readonly cuda: boolean }
  /** One line: `cpu: ready · cuda: no driver (libcuda.so.1 not found)` */
  readonly verdict: string
  /** The parts of it, without their names: `ready`, `no driver (libcuda.so.1 not found)` */
  readonly verdicts: { readonly cpu: string; readonly cuda: string }
}
