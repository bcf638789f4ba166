/** The base of a device that its buffers, ops, streams, events and programs refer to. */
import { cpuInfo, native } from '../native/binding.ts'
import type { CudaInfo } from '../native/device-info.ts'
import type { DType, FloatDType } from '../native/dtype.ts'

/** An object that closes with its device. */
export interface Child {
  close(): void | Promise<void>
}

/** What a device is constructed from. */
export interface DeviceCoreOptions {
  readonly id: number
  readonly name: string
  readonly threads: number
  readonly tf32: boolean
  readonly deterministic: boolean
  readonly gpu?: CudaInfo
}

/** A device's name, kind and abilities, and the list of objects made on it. */
export class DeviceCore {
  /** The name it was opened by: 'cpu', 'cpu:1', 'cuda:0', 'cuda:0#1', … */
  readonly name: string
  /** 'cuda' is an NVIDIA GPU. */
  readonly kind: 'cpu' | 'cuda'
  /** Default number of CPU threads of its streams. */
  readonly threads: number
  /** True if a GPU may round factors of f32 products to TF32. */
  readonly tf32: boolean
  /** True if a GPU was asked for bit-identical results of identical runs. A CPU always gives them. */
  readonly deterministic: boolean
  readonly #id: number
  #gpu: CudaInfo | undefined
  readonly #children = new Set<Child>()
  #closed = false

  /** @internal */
  constructor({ id, name, threads, tf32, deterministic, gpu }: DeviceCoreOptions) {
    this.name = name
    this.kind = gpu ? 'cuda' : 'cpu'
    this.threads = threads
    this.tf32 = tf32
    this.deterministic = deterministic
    this.#gpu = gpu
    this.#id = id
  }

  /**
   * @internal The native object's number.
   * @throws Error if the device is closed
   */
  get id(): number {
    if (this.#closed) throw new Error(`[device] ${this.name} is closed: open it again`)
    return this.#id
  }

  /** True after `close()` has freed the device. */
  get closed(): boolean {
    return this.#closed
  }

  /** The GPU's properties and library versions; undefined on a CPU. */
  get gpu(): CudaInfo | undefined {
    // Asked again each time: `compiled` is set when the first kernel is loaded.
    if (this.#gpu && !this.#closed) this.#gpu = native.cudaInfo(this.#id)
    return this.#gpu
  }

  /** One line for people: 'CPU, 2 threads, AVX2, oneDNN 2.6.3', or 'NVIDIA H200, CUDA 13.0, cuDNN 9.19.0'. */
  get description(): string {
    if (this.gpu) {
      const { name, versions, compiled } = this.gpu
      const what = `${name}, CUDA ${versions.driver ?? '?'}, cuDNN ${versions.cudnn ?? '?'}`
      return compiled === undefined ? what : `${what}, kernels compiled here: ${compiled}`
    }
    const threads = this.threads === 1 ? '1 thread' : `${this.threads} threads`
    return `CPU, ${threads}, ${cpuInfo.isa}, oneDNN ${cpuInfo.onednn}`
  }

  /** The fastest dtype of this device with its reason: bf16 or f16 on a GPU, bf16 on a CPU with AMX, else f32. */
  get preferredDType(): {
    /** The dtype. */
    readonly dtype: FloatDType
    /** Why, for people. */
    readonly reason: string
  } {
    if (this.gpu) {
      return this.gpu.bf16
        ? { dtype: 'bf16', reason: `tensor cores of ${this.gpu.name} take bf16` }
        : { dtype: 'f16', reason: `tensor cores of ${this.gpu.name} take f16 and no bf16` }
    }
    return cpuInfo.fastBf16
      ? { dtype: 'bf16', reason: `bf16 is fast here (${cpuInfo.isa})` }
      : { dtype: 'f32', reason: `bf16 is for AMX, which is not here (${cpuInfo.isa})` }
  }

  /**
   * Checks that this device can compute in `dtype`.
   * @throws Error if it cannot; the message names dtypes that it can
   */
  requireDType(dtype: DType): void {
    if (dtype !== 'f32' && dtype !== 'bf16' && dtype !== 'f16') {
      throw new Error(`[device] expected dtype 'f32', 'bf16' or 'f16', got '${dtype}'`)
    }
    if (dtype === 'f32') return
    if (this.gpu) {
      if (dtype === 'f16' || this.gpu.bf16) return
      const { name, capability } = this.gpu
      throw new Error(
        `[device] ${this.name} cannot compute in bf16: it needs compute capability 8.0 or newer, ` +
          `and ${name} has ${capability}. Use dtype 'f16' or 'f32'.`
      )
    }
    if (dtype === 'f16') {
      throw new Error(
        `[device] ${this.name} cannot compute in f16, which is for GPUs: use dtype 'f32'` +
          `${cpuInfo.bf16 ? " or 'bf16'" : ''}.`
      )
    }
    if (cpuInfo.bf16) return
    throw new Error(
      `[device] ${this.name} cannot compute in bf16: it needs AVX-512, and this CPU has ` +
        `${cpuInfo.isa}. Use dtype 'f32'.`
    )
  }

  /** @internal Registers an object that closes with the device. */
  adopt<T extends Child>(child: T): T {
    this.#children.add(child)
    return child
  }

  /** @internal Removes an object that was closed. */
  forget(child: Child): void {
    this.#children.delete(child)
  }

  /** @internal Open objects of the device, newest first. */
  protected get children(): readonly Child[] {
    return [...this.#children].reverse()
  }

  /** @internal Marks the device as closed and returns the native object's number. */
  protected retire(): number {
    const id = this.id
    this.#closed = true
    return id
  }
}
