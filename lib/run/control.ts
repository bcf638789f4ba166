import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RateChange, RateControl } from '../training/loop/learning-rate.ts'
import { replaceFile } from '../util/files/atomic.ts'
import { readText } from '../util/files/bytes.ts'
import { diskError, errnoOf } from '../util/files/errors.ts'
import { isJsonObject, type Json, jsonText, readJson } from '../util/files/json.ts'
import { readRates } from './read-state.ts'
import { setAside } from './set-aside.ts'

const CONTROL = 'control.json'
const RATES = 'rates.json'
/** A larger file is not a rate. */
const MOST_BYTES = 4096

export interface RunControlOptions {
  /** Called with notes for people, a sentence each. */
  readonly onNote?: ((text: string) => void) | undefined
  /** Milliseconds between two polls of the file. Default 1000. */
  readonly every?: number
}

/** What a poll of the file found. */
type Found = { readonly lr: number } | { readonly wrong: string }

/**
 * Lets a person change the learning rate of a run that is under way, by control.json in its folder: `{"lr": 0.001}`. For
 * `train`'s option `control`.
 *
 * It polls the file and never writes or removes it. Each change is written to rates.json before the first step that has
 * it: a run that was killed and resumes from an older checkpoint makes each change again at its step.
 */
export class RunControl implements RateControl {
  readonly #folder: string
  readonly #onNote: (text: string) => void
  readonly #timer: NodeJS.Timeout
  /** Changes so far, with those after the checkpoint that the run resumed from. */
  #changes: readonly RateChange[] = []
  /** The rate in the file, if no step has it yet. */
  #wanted: number | undefined
  /** The version of the file that was read last. */
  #seen: string | undefined
  /** The version of the file that made no sense at the last poll. */
  #doubtful: string | undefined
  #polling: Promise<void> | undefined

  private constructor(folder: string, { onNote = () => {}, every = 1000 }: RunControlOptions) {
    this.#folder = folder
    this.#onNote = onNote
    this.#timer = setInterval(() => void this.#poll(), every)
    this.#timer.unref()
  }

  /** @param folder of the run, which this process holds the lock of */
  static async open(folder: string, options: RunControlOptions = {}): Promise<RunControl> {
    const control = new RunControl(folder, options)
    await control.#readChanges()
    await control.#poll()
    // The file still holds the last change.
    if (control.#wanted === control.#changes.at(-1)?.lr) control.#wanted = undefined
    return control
  }

  wanted(step: number): number | undefined {
    return this.#wanted ?? this.#changes.findLast((change) => change.step <= step + 1)?.lr
  }

  /** @throws DiskError when the disk refuses */
  async onChange(change: RateChange): Promise<void> {
    const { step, lr } = change
    if (this.#wanted === lr) this.#wanted = undefined
    if (this.#changes.some((known) => known.step === step && known.lr === lr)) return
    // Later changes belong to steps that this run has taken back.
    this.#changes = [...this.#changes.filter((known) => known.step < step), change]
    await replaceFile(join(this.#folder, RATES), jsonText(this.#changes, 'rates'))
  }

  /** Stops polling. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#polling
  }

  async #readChanges(): Promise<void> {
    const path = join(this.#folder, RATES)
    if ((await stat(path).catch(() => undefined)) === undefined) return
    try {
      this.#changes = readRates(await readJson(path), (expected, got) => {
        throw new Error(`${path}: expected ${expected}, got ${got}`)
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      // The next change writes the file anew.
      this.#onNote(
        `${why}; it is now ${await setAside(path)}, and changes of the rate after the checkpoint are not made again`
      )
    }
  }

  #poll(): Promise<void> {
    this.#polling ??= this.#pollOnce().finally(() => {
      this.#polling = undefined
    })
    return this.#polling
  }

  async #pollOnce(): Promise<void> {
    const path = join(this.#folder, CONTROL)
    try {
      const { ino, size, mtimeMs } = await stat(path)
      const now = `${ino} ${size} ${mtimeMs}`
      if (now === this.#seen) return
      const found =
        size > MOST_BYTES ? { wrong: `${size} bytes` } : read(await readText('control', path))
      if ('lr' in found) this.#wanted = found.lr
      // It may be half written: it counts as wrong when it is the same at the next poll.
      else if (this.#doubtful !== now) {
        this.#doubtful = now
        return
      } else this.#report(path, found.wrong)
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

  #report(path: string, wrong: string): void {
    this.#onNote(
      `${path}: expected {"lr": 0.001}, a number from 0 and nothing else, got ${wrong}; ` +
        'the rate stays as it is'
    )
  }
}

function read(content: string): Found {
  const text = content.trim()
  const shown = text === '' ? 'an empty file' : text.length > 60 ? `${text.slice(0, 60)}…` : text
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return { wrong: shown }
  }
  const { lr, ...more } = isJsonObject(value) ? value : {}
  // In f32, as the update computes.
  const good = typeof lr === 'number' && Number.isFinite(Math.fround(lr)) && lr >= 0
  return good && Object.keys(more).length === 0 ? { lr } : { wrong: shown }
}
