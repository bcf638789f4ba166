import { native, settled } from '../native/binding.ts'
import { checkArguments } from '../util/check/check.ts'
import { callback, list } from '../util/check/rules.ts'
import type { DeviceCore } from './core.ts'
import { DeviceHandle } from './device-handle.ts'
import { aStream } from './rules.ts'
import type { Stream } from './stream.ts'

/**
 * Recorded ops. Each run repeats them in one native call, on the same memory. A buffer that a program uses
 * cannot be closed before the program.
 */
export class Program extends DeviceHandle {
  /** @internal Use `record`. */
  constructor(device: DeviceCore, id: number) {
    super(device, { what: '[program]', id, free: native.closeProgram })
  }

  /**
   * Queues one run.
   * @returns resolves when the run is done
   * @throws Error for what failed in it, or if the program is closed
   */
  run(): Promise<void> {
    return this.#run(0)
  }

  /**
   * Runs once, command by command.
   * @returns milliseconds of each command, in the order of the recording
   */
  profile(): Promise<Float64Array> {
    return this.#run(1)
  }

  /**
   * Runs once, with all streams in parallel.
   * @returns two numbers for each op and copy: milliseconds from the start of the run to its own start, and its
   * duration; stream by stream, in the order of the recording
   */
  spans(): Promise<Float64Array> {
    return this.#run(2)
  }

  #run<Result>(timing: 0 | 1 | 2): Promise<Result> {
    return settled((ticket) => native.runProgram(this.id, ticket, timing))
  }
}

/**
 * Records the ops that `fn` queues on `streams`, without running them.
 *
 * Prepare ops and allocate memory before: inside `fn`, preparing, allocating, reading and waiting throw. The
 * streams may belong to several devices of one kind; the program belongs to the first stream's device.
 *
 * @param streams one or more, all of CPUs or all of GPUs
 * @param fn queues ops; not async
 * @returns the program; run it as often as needed, then close it
 * @throws Error for no stream, for streams of CPUs and GPUs together, while the first stream's device or one of
 * the streams is being recorded, and for an async `fn`
 * @throws what `fn` throws; nothing is recorded then
 *
 * @example
 * const program = record([stream], () => stream.run(op, { y, x }))
 * await program.run()
 */
export function record(streams: readonly Stream[], fn: () => void): Program {
  checkArguments('record', { streams: [streams, list(aStream, { least: 1 })], fn: [fn, callback] })
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
  return device.adopt(new Program(device, id))
}
