/**
 * The one file that knows the binary: it types what the addon exports, and turns its tickets into
 * promises. lib/native/addon/load.ts finds and loads it; everything else goes through lib/engine/device.ts.
 */

import { loadAddon } from './addon/load.ts'
import { packageRoot } from './addon/package-root.ts'
import type { DType } from './dtype.ts'
import type { Shape } from './layout.ts'

export type { Shape }
/** What an op can be told besides its tensors. */
export type FieldValue = number | boolean | readonly number[]
export type Fields = Readonly<Record<string, FieldValue | undefined>>

/** A tensor before there is memory; what is left out is the op's to tell or to choose. */
export interface Spec {
  readonly shape?: Shape
  readonly dtype?: DType
  readonly layout?: string
}

/** A slot of an op: a tensor it takes or fills. */
export interface SlotInfo {
  readonly name: string
  readonly role: 'out' | 'in' | 'inout'
  readonly dtypes: readonly DType[]
  readonly optional: boolean
  /** An input whose layout the op would rather choose itself. */
  readonly chooses: boolean
}

export interface OpInfo {
  readonly name: string
  readonly slots: readonly SlotInfo[]
  /** Every field with its default. */
  readonly fields: Readonly<Record<string, FieldValue>>
}

export interface CpuInfo {
  /** Version of oneDNN. */
  readonly onednn: string
  /** The widest instruction set in use, for people. */
  readonly isa: string
  /** Whether this CPU can compute in bf16 at all. */
  readonly bf16: boolean
  /** Whether this CPU has AMX, which makes bf16 several times as fast as f32. */
  readonly fastBf16: boolean
}

export interface MemoryInfo {
  /** Bytes taken and not given back. */
  readonly live: number
  readonly blocks: number
  readonly peak: number
  /** Bytes that could still be taken. */
  readonly available: number
  readonly total: number
}

export interface PreparedInfo {
  readonly id: number
  readonly specs: readonly (
    | {
        readonly shape: Shape
        readonly dtype: DType
        readonly layout: string
        readonly bytes: number
      }
    | undefined
  )[]
  readonly scratch: number
  readonly implementation: string
}

/** One of NVIDIA's libraries, as it was found. */
export interface CudaLibrary {
  /** Such as `cudnn`. */
  readonly name: string
  /** Such as `libcudnn.so.9`. */
  readonly file: string
  /**
   * `missing`: found nowhere; `broken`: it cannot be opened, lacks a function, or a call failed;
   * `unsuited`: it does not go with the driver or with the others.
   */
  readonly state: 'ready' | 'missing' | 'broken' | 'unsuited'
  readonly path?: string
  readonly version?: string
  /** Why it is not ready. */
  readonly error?: string
  /** What failed before it in the order of places. */
  readonly tried: readonly { readonly path: string; readonly error: string }[]
}

export interface CudaDevice {
  readonly name: string
  /** Compute capability, such as `9.0`. */
  readonly capability: string
  /** Bytes. */
  readonly memory: number
}

export interface CudaReport {
  readonly libraries: readonly CudaLibrary[]
  readonly devices: readonly CudaDevice[]
  /** Folders that were looked in before the system's own. */
  readonly places: readonly string[]
  /** Whether there is a device and every library that it needs. */
  readonly complete: boolean
}

/** An open GPU. */
export interface CudaInfo extends CudaDevice {
  /** Whether its tensor cores compute in bf16 (compute capability 8.0 or newer). */
  readonly bf16: boolean
  /** Its cores, as a CPU would call them, each with tensor cores of its own. */
  readonly multiprocessors: number
  /** Versions of the libraries by name: driver, cudnn, cublaslt, … */
  readonly versions: Readonly<Record<string, string>>
  /** Why kernels are compiled here by NVRTC, where the ones that came along do not fit. */
  readonly compiled?: string
}

interface Addon {
  /**
   * Opens NVIDIA's libraries and asks them for their versions and devices. Broken ones may crash or hang the
   * process: `before` hears what is done next (`open`, or a function's name), and files in `refused` are not touched.
   */
  probeCuda(
    refused: Readonly<Record<string, string>>,
    before: (file: string, what: string, path: string) => void
  ): CudaReport
  describe(): { ops: OpInfo[]; cpu: CpuInfo }
  infer(op: string, fields: Fields, specs: (Spec | undefined)[]): (number[] | null)[]
  onSettled(callback: (ticket: number, error: string | undefined, result: unknown) => void): void
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
  synchronize(stream: number, ticket: number): void
  beginRecord(device: number, streams: number[]): void
  endRecord(device: number, streams: number[], keep: boolean): number | null
  /** @param timing 0: none; 1: of each command; 2: when each op and copy began, and how long it took */
  runProgram(program: number, ticket: number, streams: number, timing: 0 | 1 | 2): void
  closeProgram(program: number): void
  openFile(path: string): number
  closeFile(file: number): void
  openLoader(threads: number): number
  closeLoader(loader: number): void
  /** `records`: file, offset, bytes and CRC-32 (or -1) of each image. An error begins with the image's place in them. */
  load(
    loader: number,
    ticket: number,
    records: Float64Array,
    jpeg: boolean,
    shape: readonly [height: number, width: number, channels: number],
    buffer: number,
    offset: number
  ): void
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
}

const waiting = new Map<number, Waiting>()
let tickets = 0

export const native = loadAddon(packageRoot()) as Addon
native.onSettled((ticket, error, result) => {
  const promise = waiting.get(ticket)
  waiting.delete(ticket)
  if (error === undefined) promise?.resolve(result)
  else promise?.reject(new Error(error))
})

/** Starts native work and resolves with what it brings. `start` gets the work's ticket. */
export function settled<Result>(start: (ticket: number) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const ticket = ++tickets
    waiting.set(ticket, { resolve: resolve as (result: unknown) => void, reject })
    try {
      start(ticket)
    } catch (error) {
      waiting.delete(ticket)
      reject(error)
    }
  })
}

const description = native.describe()
/** What the CPU is and can do. */
export const cpuInfo: CpuInfo = description.cpu
/** Every op there is, by name. */
export const opTable: ReadonlyMap<string, OpInfo> = new Map(
  description.ops.map((op) => [op.name, op])
)
