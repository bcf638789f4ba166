/** What native code tells of the CPU, of GPUs and their libraries, and of memory. */

/** The CPU that this process runs on. */
export interface CpuInfo {
  /** Version of oneDNN, such as '2.6.3'. */
  readonly onednn: string
  /** Widest instruction set in use, for people: 'AVX2', 'AVX-512 with bf16', … */
  readonly isa: string
  /** True if this CPU can compute in bf16. */
  readonly bf16: boolean
  /** True if this CPU has AMX, which makes bf16 several times as fast as f32. */
  readonly fastBf16: boolean
}

/** Memory of a device, in bytes. */
export interface MemoryInfo {
  /** Bytes that open buffers hold. */
  readonly live: number
  /** Number of open buffers. */
  readonly blocks: number
  /** Largest value of `live` so far. */
  readonly peak: number
  /** Bytes that can still be allocated. */
  readonly available: number
  /** Bytes of the whole machine or GPU. */
  readonly total: number
}

/** One of NVIDIA's libraries, as it was found. */
export interface CudaLibrary {
  /** Such as `cudnn`. */
  readonly name: string
  /** Such as `libcudnn.so.9`. */
  readonly file: string
  /**
   * `missing`: found nowhere. `broken`: it does not open, lacks a function, or a call failed. `unsuited`: its
   * version does not fit the driver or the other libraries.
   */
  readonly state: 'ready' | 'missing' | 'broken' | 'unsuited'
  /** The file that was opened. */
  readonly path?: string
  /** Its version. */
  readonly version?: string
  /** Why it is not ready. */
  readonly error?: string
  /** Files that failed before this one, in the order of the search. */
  readonly tried: readonly { readonly path: string; readonly error: string }[]
}

/** A GPU that the driver lists. */
export interface CudaDevice {
  /** Product name, such as 'NVIDIA H200'. */
  readonly name: string
  /** Compute capability, such as '9.0'. */
  readonly capability: string
  /** Bytes of its memory. */
  readonly memory: number
}

/** What a look at NVIDIA's libraries found. */
export interface CudaReport {
  /** In the order in which they were opened. */
  readonly libraries: readonly CudaLibrary[]
  /** By ordinal. */
  readonly devices: readonly CudaDevice[]
  /** Folders that were searched before the system's. */
  readonly places: readonly string[]
  /** True if there are a device and all libraries that it needs. */
  readonly complete: boolean
}

/** An open GPU. */
export interface CudaInfo extends CudaDevice {
  /** Its number in the world, as 32 hexadecimal digits. */
  readonly uuid: string
  /** True if its tensor cores compute in bf16 (compute capability 8.0 or newer). */
  readonly bf16: boolean
  /** Number of streaming multiprocessors. */
  readonly multiprocessors: number
  /** Versions of the libraries by name: `driver`, `cudnn`, `cublaslt`, … */
  readonly versions: Readonly<Record<string, string>>
  /** Why NVRTC compiles the kernels here, if the compiled ones of the package do not fit. */
  readonly compiled?: string
}
