/**
 * How a person changes the rate of a run while it goes on: control.json in the run's folder, `{"lr": 0.001}`. It is
 * looked at beside the run and never written or removed here. What was taken of it is kept in rates.json before the
 * first step that has it: a run that is killed and goes on from an older checkpoint makes each change again at its
 * step, and knows what it has taken already.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RateChange, RateControl } from '../training/loop/learning-rate.ts'
import { replaceFile } from '../util/files/atomic.ts'
import { diskError, errnoOf } from '../util/files/errors.ts'
import { isJsonObject, type Json, jsonText, readJson } from '../util/files/json.ts'
import { readRates } from './saved.ts'

const CONTROL = 'control.json'
const RATES = 'rates.json'
/** A rate in JSON needs no more; a larger file is something else. */
const MOST_BYTES = 4096

export interface RunControlOptions {
  /** Told, in a sentence each, what a person should know. */
  readonly onNote?: ((text: string) => void) | undefined
  /** From one look at the file to the next, in milliseconds. Default 1000. */
  readonly every?: number
}

/** What a look at the file found. */
type Found = { readonly lr: number } | { readonly wrong: string }

/** See above; for `train`'s option `control`. */
export class RunControl implements RateControl {
  readonly #folder: string
  readonly #onNote: (text: string) => void
  readonly #timer: NodeJS.Timeout
  /** Taken so far, also by steps that come after the checkpoint that the run goes on from. */
  #changes: readonly RateChange[] = []
  /** What the file says and no step has yet. */
  #asked: number | undefined
  /** When the file was last changed, as far as it is known; and where it made no sense, at the look before. */
  #seen: string | undefined
  #doubtful: string | undefined
  #looking: Promise<void> | undefined

  private constructor(folder: string, { onNote = () => {}, every = 1000 }: RunControlOptions) {
    this.#folder = folder
    this.#onNote = onNote
    this.#timer = setInterval(() => void this.#look(), every)
    this.#timer.unref()
  }

  /** @param folder the run's, which is this process's alone */
  static async open(folder: string, options: RunControlOptions = {}): Promise<RunControl> {
    const control = new RunControl(folder, options)
    await control.#recall()
    await control.#look()
    // It lies there still, as it was taken.
    if (control.#asked === control.#changes.at(-1)?.lr) control.#asked = undefined
    return control
  }

  wanted(step: number): number | undefined {
    return this.#asked ?? this.#changes.findLast((change) => change.step <= step + 1)?.lr
  }

  /** @throws DiskError when the disk refuses */
  async onChange(change: RateChange): Promise<void> {
    const { step, lr } = change
    if (this.#asked === lr) this.#asked = undefined
    if (this.#changes.some((known) => known.step === step && known.lr === lr)) return
    // What was to come later in a course that the run has left does not come.
    this.#changes = [...this.#changes.filter((known) => known.step < step), change]
    await replaceFile(join(this.#folder, RATES), jsonText(this.#changes, 'rates'))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #recall(): Promise<void> {
    const path = join(this.#folder, RATES)
    if ((await stat(path).catch(() => undefined)) === undefined) return
    try {
      this.#changes = readRates(await readJson(path), (expected, got) => {
        throw new Error(`${path}: expected ${expected}, got ${got}`)
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#onNote(`${why}; changes of the rate after the checkpoint are not made again`)
    }
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const path = join(this.#folder, CONTROL)
    try {
      const { ino, size, mtimeMs } = await stat(path)
      const now = `${ino} ${size} ${mtimeMs}`
      if (now === this.#seen) return
      const found = size > MOST_BYTES ? { wrong: `${size} bytes` } : read(await readFile(path))
      if ('lr' in found) this.#asked = found.lr
      // It may be half written: what makes no sense is told of when it stays as it is.
      else if (this.#doubtful !== now) {
        this.#doubtful = now
        return
      } else this.#tell(path, found.wrong)
      this.#seen = now
    } catch (error) {
      const code = errnoOf(error)
      if (code === this.#seen) return
      this.#seen = code
      if (code === 'ENOENT') return
      const told = diskError('control', 'read', path, error)
      this.#onNote(told instanceof Error ? told.message : String(told))
    }
  }

  #tell(path: string, wrong: string): void {
    this.#onNote(
      `${path}: expected {"lr": 0.001}, a number from 0 and nothing else, got ${wrong}; ` +
        'the rate stays as it is'
    )
  }
}

function read(bytes: Uint8Array): Found {
  const text = new TextDecoder().decode(bytes).trim()
  const shown = text === '' ? 'an empty file' : text.length > 60 ? `${text.slice(0, 60)}…` : text
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return { wrong: shown }
  }
  const { lr, ...more } = isJsonObject(value) ? value : {}
  const good = typeof lr === 'number' && Number.isFinite(lr) && lr >= 0
  return good && Object.keys(more).length === 0 ? { lr } : { wrong: shown }
}
