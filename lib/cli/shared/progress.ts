/** Shows progress: a bar on a terminal, elsewhere a line every few seconds. */
import type { SingleBar } from 'cli-progress'
import { holding } from '../../util/files/held.ts'
import { harmless } from '../../util/foreign.ts'
import { COLUMNS } from './text.ts'

/** The shortest time between two lines where there is no terminal, in milliseconds. */
const LINE_MS = 5000

/** How far something is. */
export interface ProgressState {
  /** What is counted, such as 'step'. */
  readonly name: string
  readonly done: number
  readonly total: number
  /** What stands behind the bar. */
  readonly text: string
  /** Writes a line however short the time since the last. Default: for the last one. */
  readonly now?: boolean
}

export class Progress {
  readonly #out: NodeJS.WriteStream | undefined
  #bar: SingleBar | undefined
  #forget: (() => void) | undefined
  #lineTime = Number.NEGATIVE_INFINITY
  /** Grows with each end, so that a bar whose library still loads does not begin after it. */
  #ends = 0

  /** @param out undefined: nothing is written */
  constructor(out: NodeJS.WriteStream | undefined) {
    this.#out = out
  }

  async show({ name, done, total, text, now = false }: ProgressState): Promise<void> {
    const out = this.#out
    if (!out) return
    const head = `${name} ${done}/${total}`
    if (!out.isTTY) {
      const time = performance.now()
      if (!now && done < total && time - this.#lineTime < LINE_MS) return
      this.#lineTime = time
      out.write(`${harmless(`${head}  ${text}`)}\n`)
      return
    }
    if (!this.#bar) {
      const ends = this.#ends
      const { default: progress } = await import('cli-progress')
      if (ends !== this.#ends) return
      this.#bar ??= this.#begin(new progress.SingleBar(settingsOn(out)), { head, text }, total)
    }
    this.#bar.setTotal(total)
    this.#bar.update(done, { head, text })
  }

  #begin(bar: SingleBar, text: BarText, total: number): SingleBar {
    bar.start(total, 0, text)
    // It hides the cursor.
    this.#forget = holding(() => bar.stop())
    return bar
  }

  /** Writes text that stays, above the bar. */
  print(text: string): void {
    this.end()
    this.#out?.write(`${harmless(text)}\n`)
  }

  /** Ends the bar: what follows begins on a line of its own. */
  end(): void {
    this.#ends++
    this.#bar?.stop()
    this.#forget?.()
    this.#bar = undefined
  }
}

function settingsOn(stream: NodeJS.WriteStream) {
  return {
    stream,
    hideCursor: true,
    gracefulExit: false,
    linewrap: false,
    format: (_: object, { progress }: { progress: number }, { head, text }: BarText) =>
      harmless(barLine(head, text, progress))
  }
}

interface BarText {
  readonly head: string
  readonly text: string
}

function barLine(head: string, text: string, progress: number): string {
  const room = COLUMNS - 1 - head.length - text.length - 4
  const full = Math.round(Math.max(0, room) * Math.min(1, progress))
  const bar = room > 0 ? `[${'█'.repeat(full)}${'░'.repeat(room - full)}]` : ' '
  return `${head} ${bar} ${text}`
}
