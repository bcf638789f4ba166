/** Notes and progress of a command: on stdout, or on stderr where stdout carries JSON. */
import { count } from './format.ts'
import { Progress } from './progress.ts'
import { wrapped } from './text.ts'

export interface ReporterOptions {
  /** Writes JSON objects to stdout and everything else to stderr. Default false. */
  readonly json?: boolean
  /** Writes nothing: another process reports. Default false. */
  readonly silent?: boolean
}

export class Reporter {
  readonly json: boolean
  readonly progress: Progress

  constructor({ json = false, silent = false }: ReporterOptions = {}) {
    this.json = json && !silent
    this.progress = new Progress(silent ? undefined : json ? process.stderr : process.stdout)
  }

  /** Writes lines that are laid out already. */
  print(text: string): void {
    this.progress.print(text)
  }

  /** Writes a sentence, wrapped. */
  readonly note = (text: string): void => {
    this.print(wrapped(text))
  }

  /** Shows how many images are prepared. */
  readonly preparing = (done: number, total: number, skipped: number): void => {
    const text = skipped > 0 ? `preparing, ${count(skipped)} skipped` : 'preparing'
    void this.progress.show({ name: 'image', done, total, text })
    if (done === total) this.progress.end()
  }

  /** Shows how many images are tested. */
  readonly testing = (done: number, total: number): void => {
    this.#evaluating('test', done, total)
  }

  /** Shows how many images are validated. */
  readonly validating = (done: number, total: number): void => {
    this.#evaluating('validation', done, total)
  }

  #evaluating(name: string, done: number, total: number): void {
    if (!this.json) void this.progress.show({ name, done, total, text: 'testing' })
    if (done === total) this.progress.end()
  }
}
