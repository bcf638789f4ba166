/** Lets a test read the counts of CUDA's doubles and plan failures. */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'

// As control.h has it.
const SLOTS_AT = 4096
const SLOTS = 1024
const SLOT_BYTES = 64
const COMMANDS_AT = SLOTS_AT + SLOTS * SLOT_BYTES
const BYTES = 4 * 2 ** 20

/**
 * A control file: the process that has its path as `ALEXNODE_FAKE_CUDA_CONTROL` when it first calls the
 * doubles counts into it, and obeys it at its next call.
 */
export class Control {
  readonly path: string
  readonly #file: number
  #written = 0

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'w+')
    ftruncateSync(this.#file, BYTES)
  }

  #number(at: number): number {
    const bytes = Buffer.alloc(4)
    readSync(this.#file, bytes, 0, 4, at)
    return bytes.readUInt32LE()
  }

  /** Everything counted: calls by the function's name, "live streams", "misuses", "leaked". */
  counts(): Map<string, number> {
    const bytes = Buffer.alloc(this.#number(8) * SLOT_BYTES)
    readSync(this.#file, bytes, 0, bytes.length, SLOTS_AT)
    const counts = new Map<string, number>()
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      const name = bytes.toString('latin1', at, bytes.indexOf(0, at))
      counts.set(name, Number(bytes.readBigInt64LE(at + 56)))
    }
    return counts
  }

  /** The functions that were called, with how often. */
  calls(): Map<string, number> {
    return new Map([...this.counts()].filter(([name]) => /^(cu|nvrtc|nccl)\w+$/.test(name)))
  }

  /** Leaks and misuses; empty if there are none. */
  left(): Record<string, number> {
    const told = (name: string) => name.startsWith('live ') || /^(misuses|leaked)$/.test(name)
    return Object.fromEntries([...this.counts()].filter(([name, n]) => told(name) && n !== 0))
  }

  /** The next time but `nth` - 1 that `symbol` ('*': any function) is called, it returns `code`. */
  fail(symbol: string, nth: number, code: number): void {
    this.#send(`fail ${symbol} ${nth} ${code}`)
  }

  /** A piece of work on a stream fails while it runs, and from then on every call returns `code`. */
  failWork(nth: number, code: number): void {
    this.#send(`work ${nth} ${code}`)
  }

  /** Changes a setting (driver.cc): set('memory', 2 ** 20). */
  set(name: string, value: number): void {
    this.#send(`set ${name} ${value}`)
  }

  /** Cancels planned failures and sticky errors. */
  clear(): void {
    this.#send('clear')
  }

  #send(command: string): void {
    const bytes = Buffer.from(`${command}\n`)
    if (COMMANDS_AT + this.#written + bytes.length > BYTES) throw new Error('too many commands')
    writeSync(this.#file, bytes, 0, bytes.length, COMMANDS_AT + this.#written)
    this.#written += bytes.length
    const written = Buffer.alloc(4)
    written.writeUInt32LE(this.#written)
    writeSync(this.#file, written, 0, 4, 12)
  }

  close(): void {
    closeSync(this.#file)
  }
}
