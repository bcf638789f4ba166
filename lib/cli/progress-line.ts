/** One thing under way: a bar on a terminal, else a line now and then. */
import type { SingleBar } from 'cli-progress'
import { COLUMNS, duration, pace } from './format.ts'

/** Where there is no terminal, a line comes at most this often, in milliseconds. */
const LINE_MS = 5000
/** A bar is drawn at most this often. */
const BAR_MS = 100

export class ProgressLine {
  readonly #out: NodeJS.WriteStream
  #bar: SingleBar | undefined
  #time = Number.NEGATIVE_INFINITY
  #start: { readonly time: number; readonly done: number } | undefined
  #loading = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  /** @param more what else is to be said, after pace and time to go */
  show(name: string, done: number, total: number, more = ''): void {
    const now = performance.now()
    // The first image's own time is not known: the pace counts from it on.
    this.#start ??= { time: now, done }
    const apart = this.#out.isTTY ? BAR_MS : LINE_MS
    if (done < total && now - this.#time < apart) return
    this.#time = now
    const rate = ((done - this.#start.done) / Math.max(1, now - this.#start.time)) * 1000
    const left = rate > 0 ? `  ${pace(rate)} images/s  ETA ${duration((total - done) / rate)}` : ''
    const head = `${name} ${done}/${total}`
    const text = `${left}${more === '' ? '' : `  ${more}`}`.trim()
    if (this.#out.isTTY) this.#draw(head, text, done, total)
    else this.#out.write(`${head}  ${text}\n`)
  }

  #draw(head: string, text: string, done: number, total: number): void {
    if (this.#bar) {
      this.#bar.update(done, { head, text })
      return
    }
    if (this.#loading) return
    this.#loading = true
    void import('cli-progress').then(({ default: progress }) => {
      if (!this.#loading) return
      this.#loading = false
      this.#bar = new progress.SingleBar({
        ...{ stream: this.#out, hideCursor: true, gracefulExit: false, linewrap: false },
        format: (_, { progress }, { head, text }) => barLine(head, text, progress)
      })
      this.#bar.start(total, done, { head, text })
    })
  }

  /** Says something that stays. */
  note(text: string): void {
    this.end()
    this.#out.write(`${text}\n`)
  }

  /** Ends the bar, so that what follows has a line of its own. */
  end(): void {
    this.#loading = false
    this.#bar?.stop()
    this.#bar = undefined
  }
}

function barLine(head: string, text: string, progress: number): string {
  const room = COLUMNS - 1 - head.length - text.length - 4
  const full = Math.round(Math.max(0, room) * Math.min(1, progress))
  const bar = room > 0 ? `[${'█'.repeat(full)}${'░'.repeat(room - full)}]` : ' '
  return `${head} ${bar} ${text}`
}
