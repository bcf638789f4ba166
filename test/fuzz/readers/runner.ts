/** Runs cases in a child process, which is replaced where it crashes or hangs. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Answer, Case, Encoded, Request } from './messages.ts'

/** A case takes milliseconds; a machine that is busy gets time. */
const LIMIT_MS = 60_000
const START_MS = 120_000

/** How a case ended. */
export interface Outcome {
  /** Why it failed; missing if it did not. */
  readonly fault?: string
  /** Whether the reader gave a value, and no error. */
  readonly value: boolean
}

/** Runs cases of readers. */
export class Runner {
  #child: ChildProcess | undefined
  #next = 1
  /** What the child wrote to stderr last, for a crash. */
  #said = ''

  async run(test: Case): Promise<Outcome> {
    const child = await this.#start()
    const ended = await this.#ask(child, { ...test, id: this.#next++ }, LIMIT_MS)
    if (typeof ended === 'string') return { fault: ended, value: false }
    const { fault, value = false } = ended
    return { value, ...(fault !== undefined && { fault }) }
  }

  /** The files of a case. */
  async render(test: Case): Promise<Encoded> {
    const child = await this.#start()
    const ended = await this.#ask(child, { ...test, id: this.#next++, render: true }, LIMIT_MS)
    if (typeof ended === 'string') throw new Error(`[fuzz] no files of ${test.reader}: ${ended}`)
    return ended.files ?? {}
  }

  async #start(): Promise<ChildProcess> {
    if (this.#child) return this.#child
    const child = fork(join(import.meta.dirname, 'child.ts'), {
      execArgv: ['--import', 'tsx', '--max-old-space-size=512'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = (this.#said + text).slice(-2000)
    })
    const ended = await this.#ask(child, undefined, START_MS)
    if (typeof ended === 'string') throw new Error(`[fuzz] the child did not start: ${ended}`)
    this.#child = child
    return child
  }

  /** Sends a request and waits for its answer. Returns what happened instead, and ends the child then. */
  #ask(child: ChildProcess, request: Request | undefined, limit: number): Promise<Answer | string> {
    return new Promise((resolve) => {
      const finish = (ended: Answer | string) => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
        if (typeof ended === 'string') this.#end()
        resolve(ended)
      }
      const timer = setTimeout(() => finish(`did not end within ${limit / 1000} s`), limit)
      const onMessage = (answer: Answer) => {
        if (answer.id === (request?.id ?? 0)) finish(answer)
      }
      const onExit = (code: number | null, signal: string | null) =>
        finish(`the process ended by ${signal ?? `code ${code}`} ${this.#said}`.trim())
      child.on('message', onMessage)
      child.on('exit', onExit)
      if (request) child.send(request)
    })
  }

  #end(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  /** Ends the child. */
  async close(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.disconnect()
    await exited
  }
}
