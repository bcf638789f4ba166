import { availableParallelism } from 'node:os'
import { probeCuda } from '../doctor/cuda-probe.ts'
import { type CudaInfo, cpuInfo, type MemoryInfo, native, settled } from '../native/binding.ts'
import { parseDeviceName } from '../native/device-name.ts'
import type { DType } from '../native/dtype.ts'
import { Buffer } from './buffer.ts'
import { Event, Stream, type StreamOptions } from './stream.ts'

export interface OpenOptions {
  /** CPU threads for each stream. Default: as many as the machine gives this process. */
  readonly threads?: number
  /** Lets a GPU round the factors of f32 products to TF32 (10 bits of mantissa). Default false. */
  readonly tf32?: boolean
  /** On a GPU: equal runs give equal bits, at some cost. A CPU always does. Default false. */
  readonly deterministic?: boolean
  /** On a GPU: cuDNN's pooling and LRN where it has them, to hold ours against (`alexnode selftest --cudnn`). Default false. */
  readonly cudnn?: boolean
}

interface Child {
  close(): void | Promise<void>
}

/** What a device of either kind is known by to the rest. */
interface Opened {
  readonly id: number
  readonly name: string
  readonly threads: number
  readonly tf32: boolean
  readonly deterministic: boolean
  readonly gpu?: CudaInfo
}

/** What computes: a CPU or a GPU. It owns its streams, buffers, events and programs. */
export class Device {
  /** As it was asked for: 'cpu', 'cpu:1', 'cuda:0', 'cuda:0#1', … */
  readonly name: string
  /** What it computes on: a CPU, or an NVIDIA GPU. */
  readonly kind: 'cpu' | 'cuda'
  /** CPU threads that a stream uses, unless it is told otherwise. */
  readonly threads: number
  /** Whether a GPU may round the factors of f32 products to TF32. */
  readonly tf32: boolean
  /** Whether a GPU was asked for equal bits from equal runs; a CPU always gives them. */
  readonly deterministic: boolean
  readonly #id: number
  #gpu: CudaInfo | undefined
  readonly #children = new Set<Child>()
  #arrivals: Stream | undefined
  #closed = false
  #closing: Promise<void> | undefined

  /** @internal Use `open`. */
  constructor({ id, name, threads, tf32, deterministic, gpu }: Opened) {
    this.name = name
    this.kind = gpu ? 'cuda' : 'cpu'
    this.threads = threads
    this.tf32 = tf32
    this.deterministic = deterministic
    this.#gpu = gpu
    this.#id = id
  }

  /** @internal */
  get id(): number {
    if (this.#closed) throw new Error(`[device] ${this.name} is closed: open it again`)
    return this.#id
  }

  get closed(): boolean {
    return this.#closed
  }

  /** What GPU it is, where it is one. */
  get gpu(): CudaInfo | undefined {
    // Why kernels are compiled is known once the first was loaded.
    if (this.#gpu && !this.#closed) this.#gpu = native.cudaInfo(this.#id)
    return this.#gpu
  }

  /** For people: 'CPU, 2 threads, AVX2, oneDNN 2.6.3', or 'NVIDIA H200, CUDA 13.0, cuDNN 9.19.0'. */
  get description(): string {
    if (this.gpu) {
      const { name, versions, compiled } = this.gpu
      const what = `${name}, CUDA ${versions.driver ?? '?'}, cuDNN ${versions.cudnn ?? '?'}`
      return compiled === undefined ? what : `${what}, kernels compiled here: ${compiled}`
    }
    const threads = this.threads === 1 ? '1 thread' : `${this.threads} threads`
    return `CPU, ${threads}, ${cpuInfo.isa}, oneDNN ${cpuInfo.onednn}`
  }

  /** The dtype to compute in when nothing else is asked for, and why. */
  get preferredDType(): { dtype: 'f32' | 'bf16' | 'f16'; reason: string } {
    if (this.gpu) {
      return this.gpu.bf16
        ? { dtype: 'bf16', reason: `tensor cores of ${this.gpu.name} take bf16` }
        : { dtype: 'f16', reason: `tensor cores of ${this.gpu.name} take f16 and no bf16` }
    }
    return cpuInfo.fastBf16
      ? { dtype: 'bf16', reason: `bf16 is fast here (${cpuInfo.isa})` }
      : { dtype: 'f32', reason: `bf16 is for AMX, which is not here (${cpuInfo.isa})` }
  }

  /** @throws Error where this device cannot compute in `dtype` */
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

  /**
   * Takes a slab of memory.
   * @param bytes how many
   * @throws Error for no whole number of bytes, or more than the device has left
   */
  allocate(bytes: number): Buffer {
    return this.#allocate(bytes, false)
  }

  /**
   * Takes memory that the host writes with `set`, and that streams copy from: pinned, for a GPU.
   * @param bytes how many
   * @throws Error for no whole number of bytes, or more than there is
   */
  staging(bytes: number): Buffer {
    return this.#allocate(bytes, true)
  }

  #allocate(bytes: number, staging: boolean): Buffer {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new Error(`[memory] expected a whole number of bytes from 0, got ${bytes}`)
    }
    // A GPU's driver says itself when there is not enough; a CPU's would take it, and die of it later.
    const { available } = this.kind === 'cpu' ? this.memory() : { available: Infinity }
    if (bytes > available) {
      throw new Error(
        `[memory] ${this.name} cannot give ${bytes} bytes: ${available} are available. ` +
          'Use a smaller batch or net, or close what is not needed.'
      )
    }
    return this.adopt(new Buffer(this, bytes, staging))
  }

  /**
   * Opens a queue of work, beside the device's others.
   * @throws Error for `threads` that are no whole number from 1 to 1024
   */
  stream({ threads = this.threads, priority = 'normal' }: StreamOptions = {}): Stream {
    return this.adopt(new Stream(this, { threads: checkThreads(threads), priority }))
  }

  /** @internal A GPU's stream for what comes to it while it computes. A CPU has none: it copies itself. */
  get arrivals(): Stream | undefined {
    if (this.kind === 'cuda') this.#arrivals ??= this.stream()
    return this.#arrivals
  }

  event(): Event {
    return this.adopt(new Event(this))
  }

  /** Live bytes and blocks of this device, their peak, and what is left. */
  memory(): MemoryInfo {
    return native.deviceMemory(this.id)
  }

  /** @internal */
  adopt<T extends Child>(child: T): T {
    this.#children.add(child)
    return child
  }

  /** @internal */
  forget(child: Child): void {
    this.#children.delete(child)
  }

  /** Closes everything that was made on the device, newest first, then the device. */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    const children = [...this.#children].reverse()
    // Programs hold buffers, and streams may still run on them: buffers go last.
    for (const child of children.filter((child) => !(child instanceof Buffer))) await child.close()
    for (const child of children) if (child instanceof Buffer) child.close()
    const id = this.id
    this.#closed = true
    await settled<void>((ticket) => native.closeDevice(id, ticket))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkThreads(threads: number): number {
  if (!Number.isInteger(threads) || threads < 1 || threads > 1024) {
    throw new Error(`[device] threads: expected a whole number from 1 to 1024, got ${threads}`)
  }
  return threads
}

/**
 * Opens a device. `cpu`, or `cpu:0`, `cpu:1`, … for several that share the machine; `cuda` or `cuda:0` for the
 * first GPU, `cuda:1` for the second, …; `cuda:0#0`, `cuda:0#1`, … for several that share one GPU.
 *
 * NVIDIA's libraries are found and tried in a child process first, since a broken set of them would end this
 * one; that takes a second the first time.
 *
 * @throws Error for a device that is not there, or whose libraries cannot be used, with what mends it; and for
 * `threads` that are no whole number from 1 to 1024
 *
 * @example
 * await using device = await open('cuda:0', { tf32: true })
 */
export async function open(name = 'cpu', options: OpenOptions = {}): Promise<Device> {
  const { kind, ordinal } = parseDeviceName(name)
  const { tf32 = false, deterministic = false, cudnn = false } = options
  const threads = checkThreads(options.threads ?? availableParallelism())
  const given = { name, threads, tf32, deterministic }
  if (kind === 'cpu') return new Device({ ...given, id: native.openCpu() })
  const { refused } = await probeCuda()
  const id = await settled<number>((ticket) =>
    native.openCuda(ticket, ordinal, { tf32, deterministic, cudnn }, refused)
  )
  return new Device({ ...given, id, gpu: native.cudaInfo(id) })
}
