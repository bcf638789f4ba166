import { native, settled } from '../native/binding.ts'
import type { DeviceCore } from './core.ts'
import { Handle } from './handle.ts'
import type { Stream } from './stream.ts'

/** Recorded ops that run again and again in one call, always on the same memory. */
export class Program extends Handle {
  readonly device: DeviceCore
  readonly #streams: number

  /** @internal Use `record`. */
  constructor(device: DeviceCore, id: number, streams: number) {
    super('program', id)
    this.device = device
    this.#streams = streams
  }

  /** Queues one run; resolves when it is done. */
  run(): Promise<void> {
    return settled((ticket) => native.runProgram(this.id, ticket, this.#streams, 0))
  }

  /** Runs once and resolves with the milliseconds of each command, in the order recorded. */
  profile(): Promise<Float64Array> {
    return settled((ticket) => native.runProgram(this.id, ticket, this.#streams, 1))
  }

  /**
   * Runs once, all streams at work, and resolves with two numbers for each op and copy: the milliseconds from
   * the run's beginning to its own, and those it took. Stream by stream, in the order recorded.
   */
  spans(): Promise<Float64Array> {
    return settled((ticket) => native.runProgram(this.id, ticket, this.#streams, 2))
  }

  close(): void {
    if (this.release(native.closeProgram)) this.device.forget(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Keeps the ops that `fn` gives these streams, instead of running them, as a program.
 * Everything must be prepared and allocated before; reading and waiting throw inside `fn`. The streams may be
 * of several devices of one kind; the program is the first one's.
 *
 * @throws Error for no stream, or streams of CPUs and of GPUs together; where the first one's device or a
 * stream is being recorded already; for an async `fn`; and what `fn` throws: then nothing is kept
 *
 * @example
 * const program = record([stream], () => stream.run(op, { y, x }))
 * await program.run()
 */
export function record(streams: readonly Stream[], fn: () => void): Program {
  const device = streams[0]?.device
  if (!device) throw new Error('[record] expected one stream or more, got none')
  if (streams.some((stream) => stream.device.kind !== device.kind)) {
    throw new Error('[record] expected streams of CPUs or of GPUs, got some of each')
  }
  const ids = streams.map((stream) => stream.id)
  native.beginRecord(device.id, ids)
  try {
    const result: unknown = fn()
    if (result instanceof Promise) {
      result.catch(() => {})
      throw new Error('[record] expected a function that does not wait, got an async one')
    }
  } catch (error) {
    native.endRecord(device.id, ids, false)
    throw error
  }
  const id = native.endRecord(device.id, ids, true)
  if (id === null) throw new Error('[record] kept nothing')
  return device.adopt(new Program(device, id, ids.length))
}
