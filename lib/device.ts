import { availableParallelism } from 'node:os'
import { Buffer } from './buffer.ts'
import type { DType } from './dtype.ts'
import { cpuInfo, type MemoryInfo, native } from './native.ts'
import { Event, Stream } from './stream.ts'

export interface OpenOptions {
  /** CPU threads for each stream. Default: as many as the machine gives this process. */
  readonly threads?: number
}

interface Child {
  close(): void | Promise<void>
}

/** What computes: today a CPU. It owns its streams, buffers, events and programs. */
export class Device {
  /** As it was asked for: 'cpu', 'cpu:1', … */
  readonly name: string
  readonly threads: number
  readonly #id: number
  readonly #children = new Set<Child>()
  #closed = false
  #closing: Promise<void> | undefined

  /** @internal Use `open`. */
  constructor(name: string, threads: number) {
    this.name = name
    this.threads = threads
    this.#id = native.openDevice('cpu')
  }

  /** @internal */
  get id(): number {
    if (this.#closed) throw new Error(`[device] ${this.name} is closed: open it again`)
    return this.#id
  }

  get closed(): boolean {
    return this.#closed
  }

  /** For people: 'CPU, 2 threads, AVX2, oneDNN 2.6.3'. */
  get description(): string {
    const threads = this.threads === 1 ? '1 thread' : `${this.threads} threads`
    return `CPU, ${threads}, ${cpuInfo.isa}, oneDNN ${cpuInfo.onednn}`
  }

  /** The dtype to compute in when nothing else is asked for, and why. */
  get preferredDType(): { dtype: 'f32' | 'bf16'; reason: string } {
    return cpuInfo.fastBf16
      ? { dtype: 'bf16', reason: `bf16 is fast here (${cpuInfo.isa})` }
      : { dtype: 'f32', reason: `bf16 is not fast here (${cpuInfo.isa} has no AMX)` }
  }

  /** @throws Error where this device cannot compute in `dtype` */
  requireDType(dtype: DType): void {
    if (dtype === 'f32' || (dtype === 'bf16' && cpuInfo.bf16)) return
    if (dtype === 'bf16') {
      throw new Error(
        `[device] ${this.name} cannot compute in bf16: it needs AVX-512, and this CPU has ` +
          `${cpuInfo.isa}. Use dtype 'f32'.`
      )
    }
    if (dtype === 'f16') {
      throw new Error(
        `[device] ${this.name} cannot compute in f16, which is for GPUs. Use dtype 'f32'.`
      )
    }
    throw new Error(`[device] expected dtype 'f32', 'bf16' or 'f16', got '${dtype}'`)
  }

  /**
   * Takes a slab of memory.
   * @param bytes how many
   * @throws Error when more is asked for than the machine has left
   */
  allocate(bytes: number): Buffer {
    const { available } = this.memory()
    if (!(bytes >= 0) || bytes > available) {
      throw new Error(
        `[memory] ${this.name} cannot give ${bytes} bytes: ${available} are available. ` +
          'Use a smaller batch or net, or close what is not needed.'
      )
    }
    return this.adopt(new Buffer(this, bytes))
  }

  stream(options: OpenOptions = {}): Stream {
    return this.adopt(new Stream(this, checkThreads(options.threads ?? this.threads)))
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
    native.closeDevice(id)
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
 * Opens a device. `cpu`, or `cpu:0`, `cpu:1`, … for several that share the machine.
 *
 * @throws Error for a device that is not there
 *
 * @example
 * await using device = await open('cpu', { threads: 2 })
 */
export async function open(name = 'cpu', options: OpenOptions = {}): Promise<Device> {
  if (!/^cpu(:\d{1,2})?$/.test(name)) {
    throw new Error(`[device] there is no device '${name}': expected cpu, cpu:0, cpu:1, …`)
  }
  return new Device(name, checkThreads(options.threads ?? availableParallelism()))
}
