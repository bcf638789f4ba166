/**
 * The one file that knows the binary: it types the addon's functions, turns its tickets into promises and its
 * errors into classes. lib/native/addon/load.ts finds and loads the file.
 */

import { loadAddon } from './addon/load.ts'
import { packageRoot } from './addon/package-root.ts'
import type { CpuInfo, CudaInfo, CudaReport, MemoryInfo } from './device-info.ts'
import { LoadError, OUT_OF_MEMORY, OutOfMemoryError } from './errors.ts'
import type { Fields, OpInfo, Spec } from './op-info.ts'

interface Addon {
  /**
   * Opens NVIDIA's libraries and asks them for their versions and devices. Broken ones may crash or hang the
   * process: `before` is called with each next act (`open`, or a function's name). Files in `refused` are not
   * opened.
   */
  probeCuda(
    refused: Readonly<Record<string, string>>,
    before: (file: string, what: string, path: string) => void
  ): CudaReport
  describe(): { ops: OpInfo[]; cpu: CpuInfo }
  infer(op: string, fields: Fields, specs: (Spec | undefined)[]): (number[] | null)[]
  onSettled(
    callback: (ticket: number, error: NativeError | undefined, result: unknown) => void
  ): void
  openCpu(): number
  openCuda(
    ticket: number,
    ordinal: number,
    options: { readonly tf32: boolean; readonly deterministic: boolean; readonly cudnn: boolean },
    refused: Readonly<Record<string, string>>
  ): void
  cudaInfo(device: number): CudaInfo
  closeDevice(device: number, ticket: number): void
  deviceMemory(device: number): MemoryInfo
  openBuffer(device: number, bytes: number, staging: boolean): number
  closeBuffer(buffer: number): void
  writeBuffer(buffer: number, offset: number, bytes: Uint8Array): void
  openStream(device: number, threads: number, high: boolean): number
  closeStream(stream: number, ticket: number): void
  openEvent(device: number): number
  closeEvent(event: number): void
  recordEvent(stream: number, event: number): void
  waitEvent(stream: number, event: number): void
  prepare(
    stream: number,
    ticket: number,
    op: string,
    fields: Fields,
    specs: (Spec | undefined)[]
  ): void
  closeOp(op: number): void
  /** @param places buffer and offset of each slot, then of the scratch */
  run(stream: number, op: number, places: Float64Array): void
  copy(
    stream: number,
    to: number,
    toOffset: number,
    from: number,
    fromOffset: number,
    bytes: number
  ): void
  read(stream: number, ticket: number, buffer: number, offset: number, bytes: number): void
  /** Milliseconds for which it has waited for other streams; NaN where nothing measures it. */
  streamWaited(stream: number): number
  synchronize(stream: number, ticket: number): void
  beginRecord(device: number, streams: number[]): void
  endRecord(device: number, streams: number[], keep: boolean): number | null
  /** @param timing 0: none; 1: of each command; 2: start and duration of each op and copy */
  runProgram(program: number, ticket: number, timing: 0 | 1 | 2): void
  closeProgram(program: number): void
  openFile(path: string): number
  closeFile(file: number): void
  openLoader(threads: number): number
  closeLoader(loader: number): void
  /** @param records file, offset, bytes and CRC-32 (-1: do not check) of each image */
  load(
    loader: number,
    ticket: number,
    records: Float64Array,
    jpeg: boolean,
    shape: readonly [height: number, width: number, channels: number],
    buffer: number,
    offset: number
  ): void
  /** @param image u8 [height, width, channels]; the result, of the window, is an ArrayBuffer */
  resample(
    ticket: number,
    image: Uint8Array,
    shape: readonly [height: number, width: number, channels: number],
    size: readonly [rows: number, columns: number],
    window: readonly [top: number, left: number, height: number, width: number]
  ): void
  /** @param library the shared object beside the addon; @param timeout milliseconds */
  openGroup(library: string, rank: number, size: number, host: string, timeout: number): number
  /** What ops call it. */
  groupNumber(group: number): number
  /** Where `peer` is awaited. */
  groupAddress(group: number, peer: number): Uint8Array
  /** @param addresses by rank: where this process is awaited */
  connectGroup(group: number, ticket: number, addresses: readonly Uint8Array[]): void
  abortGroup(group: number): void
  closeGroup(group: number): void
  /** Why GPUs of several processes cannot be summed here; empty: they can. */
  lackOfNccl(device: number): string
  /** The ticket returns an ArrayBuffer: the id of a new communicator. */
  ncclId(device: number, ticket: number): void
  /** @param timeout milliseconds */
  openCommunicator(
    device: number,
    ticket: number,
    rank: number,
    size: number,
    id: Uint8Array,
    timeout: number
  ): number
  /** What ops call it. */
  communicatorNumber(communicator: number): number
  abortCommunicator(communicator: number): void
  /** Why it ended; empty: it is well. */
  communicatorFailure(communicator: number): string
  closeCommunicator(communicator: number, ticket: number): void
}

/** An error as native code makes it. */
interface NativeError {
  readonly message: string
  /** {@link OUT_OF_MEMORY}, if memory does not suffice. */
  readonly code?: string
  /** Index of a record that could not be loaded. */
  readonly record?: number
}

/** The error for callers: the one place where marks of native code become classes. */
function errorOf({ message, code, record }: NativeError): Error {
  if (code === OUT_OF_MEMORY) return new OutOfMemoryError(message)
  return record === undefined ? new Error(message) : new LoadError(record, message)
}

const isOutOfMemory = (error: unknown): error is NativeError =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === OUT_OF_MEMORY

/** The addon's functions, which throw OutOfMemoryError where native code marks an error so. */
function typed(addon: Readonly<Record<string, (...args: unknown[]) => unknown>>): Addon {
  const functions = Object.entries(addon).map(([name, run]) => [
    name,
    (...args: unknown[]) => {
      try {
        return run(...args)
      } catch (error) {
        throw isOutOfMemory(error) ? errorOf(error) : error
      }
    }
  ])
  return Object.fromEntries(functions) as Addon
}

/** The addon's functions. */
export const native = typed(loadAddon(packageRoot()) as Parameters<typeof typed>[0])

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
}

const pending = new Map<number, Pending>()
let tickets = 0

native.onSettled((ticket, error, result) => {
  const promise = pending.get(ticket)
  pending.delete(ticket)
  if (error === undefined) promise?.resolve(result)
  else promise?.reject(errorOf(error))
})

/**
 * Starts asynchronous native work.
 * @param start calls native code with the work's ticket
 * @returns resolves with the result of the work
 */
export function settled<Result>(start: (ticket: number) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const ticket = ++tickets
    pending.set(ticket, { resolve: resolve as (result: unknown) => void, reject })
    try {
      start(ticket)
    } catch (error) {
      pending.delete(ticket)
      reject(error)
    }
  })
}

const description = native.describe()

/** The CPU of this machine and what it can do. */
export const cpuInfo: CpuInfo = description.cpu

/**
 * All ops by name, with their slots and fields.
 *
 * @example
 * console.log(opTable.get('lrn')?.fields)
 */
export const opTable: ReadonlyMap<string, OpInfo> = new Map(
  description.ops.map((op) => [op.name, op])
)
