import { probeCuda } from '../doctor/cuda-probe.ts'
import { native, settled } from '../native/binding.ts'
import { parseDeviceName } from '../native/device-name.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import { flag, maybe, oneOf, record, text, whole } from '../util/check/rules.ts'
import { ownThreads } from '../util/threads.ts'
import { Event } from './event.ts'
import { Buffer, DeviceMemory } from './memory.ts'
import { Stream, type StreamOptions } from './stream.ts'

/** Options of a device. */
export interface OpenOptions {
  /** CPU threads of each stream, 1 to 1024. Default: ALEXNODE_THREADS, or one a processor. */
  readonly threads?: number
  /** Lets a GPU round factors of f32 products to TF32 (10 bits of mantissa). Default false. */
  readonly tf32?: boolean
  /** Makes identical runs on a GPU bit-identical, at some cost. They always are on a CPU. Default false. */
  readonly deterministic?: boolean
  /** Uses cuDNN's pooling and LRN on a GPU, to compare ours with them. Default false. */
  readonly cudnn?: boolean
}

const threadsRule = maybe(whole({ from: 1, to: 1024 }))
const openOptions = record<OpenOptions>({
  threads: threadsRule,
  tf32: maybe(flag),
  deterministic: maybe(flag),
  cudnn: maybe(flag)
})
const streamOptions = record<StreamOptions>({
  threads: threadsRule,
  priority: maybe(oneOf('normal', 'high'))
})

/**
 * A CPU or a GPU. It owns its streams, buffers, events, ops and programs, and closes them with itself.
 *
 * @example
 * await using device = await open('cpu', { threads: 4 })
 * console.log(device.description) // CPU, 4 threads, AVX-512 with bf16, oneDNN 2.6.3
 */
export class Device extends DeviceMemory {
  #arrivals: Stream | undefined
  #closing: Promise<void> | undefined

  /**
   * Opens a queue of work, which runs in parallel with the device's other streams.
   * @throws Error unless `threads` is a whole number from 1 to 1024
   */
  stream(options: StreamOptions = {}): Stream {
    checkOptions('device', options, streamOptions)
    const { threads = this.threads, priority = 'normal' } = options
    return this.adopt(new Stream(this, { threads, priority }))
  }

  /** @internal The stream on which a GPU receives data while it computes. Undefined on a CPU. */
  get arrivals(): Stream | undefined {
    if (this.kind === 'cuda') this.#arrivals ??= this.stream()
    return this.#arrivals
  }

  /** Makes an event, by which one stream waits for another. */
  event(): Event {
    return this.adopt(new Event(this))
  }

  /** Closes all objects of the device, newest first, then the device. A second call does nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = undefined
      throw error
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    const { children } = this
    // Buffers go last: programs hold them, and streams may still use them.
    for (const child of children.filter((child) => !(child instanceof Buffer))) await child.close()
    for (const child of children) if (child instanceof Buffer) child.close()
    const id = this.retire()
    await settled<void>((ticket) => native.closeDevice(id, ticket))
  }

  /** Closes it at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Opens a device.
 *
 * Before the first GPU a child process tries NVIDIA's libraries, since broken ones may end the process that
 * opens them. That takes about a second.
 *
 * @param name 'cpu' (default); 'cpu:0', 'cpu:1', … for several devices on one CPU; 'cuda' or 'cuda:0' for the
 * first GPU, 'cuda:1' for the second; 'cuda:0#0', 'cuda:0#1', … for several devices on one GPU
 * @throws Error for an unknown name, a device that is missing, and libraries that do not work, with the remedy;
 * and unless `threads` is a whole number from 1 to 1024
 * @throws OutOfMemoryError if the GPU has no memory left for its context
 *
 * @example
 * await using device = await open('cuda:0', { tf32: true })
 */
export async function open(name = 'cpu', options: OpenOptions = {}): Promise<Device> {
  checkArguments('device', { name: [name, text] })
  checkOptions('device', options, openOptions)
  const { kind, ordinal } = parseDeviceName(name)
  const { tf32 = false, deterministic = false, cudnn = false } = options
  const { threads = ownThreads() } = options
  const given = { name, threads, tf32, deterministic }
  if (kind === 'cpu') return new Device({ ...given, id: native.openCpu() })
  const { refused } = await probeCuda()
  const id = await settled<number>((ticket) =>
    native.openCuda(ticket, ordinal, { tf32, deterministic, cudnn }, refused)
  )
  return new Device({ ...given, id, gpu: native.cudaInfo(id) })
}
