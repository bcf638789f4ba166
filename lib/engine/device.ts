import { availableParallelism } from 'node:os'
import { probeCuda } from '../doctor/cuda-probe.ts'
import { native, settled } from '../native/binding.ts'
import { parseDeviceName } from '../native/device-name.ts'
import { Buffer, DeviceMemory } from './memory.ts'
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

/** A CPU or a GPU that computes. It owns its streams, buffers, events and programs. */
export class Device extends DeviceMemory {
  #arrivals: Stream | undefined
  #closing: Promise<void> | undefined

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

  /** Closes everything that was made on the device, newest first, then the device. */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    const { children } = this
    // Programs hold buffers, and streams may still run on them: buffers go last.
    for (const child of children.filter((child) => !(child instanceof Buffer))) await child.close()
    for (const child of children) if (child instanceof Buffer) child.close()
    const id = this.retire()
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
