/** Runs cases in a child process, which is replaced where it crashes or hangs. */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Case } from './case.ts'

/** A case takes milliseconds; a machine that is busy gets time. */
const LIMIT_MS = 120_000
/** After so many cases a fresh child, so that what one leaves behind shows as its own. */
const CASES = 5000

export class Runner {
  #child: ChildProcess | undefined
  #cases = 0
  /** What the child wrote to stderr last. */
  #said = ''
  readonly #env: NodeJS.ProcessEnv

  /** @param env more variables of the child */
  constructor(env: NodeJS.ProcessEnv = {}) {
    this.#env = env
  }

  /** @returns why the case failed, if it did */
  async run(test: Case): Promise<string | undefined> {
    if (++this.#cases % CASES === 0) this.close()
    const child = this.#child ?? (await this.#start())
    return this.#answer(child, () => child.send(test))
  }

  /** Ends the child. */
  close(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }

  async #start(): Promise<ChildProcess> {
    this.#said = ''
    const child = fork(join(import.meta.dirname, 'child.ts'), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = (this.#said + text).slice(0, 4000)
    })
    this.#child = child
    const fault = await this.#answer(child, () => {})
    if (fault !== undefined) throw new Error(`[fuzz] the child did not start: ${fault}`)
    return child
  }

  #answer(child: ChildProcess, ask: () => void): Promise<string | undefined> {
    return new Promise((resolve) => {
      const finish = (fault: string | undefined, alive: boolean) => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('close', onClose)
        if (!alive) this.close()
        resolve(fault)
      }
      const timer = setTimeout(
        () => finish(`did not end within ${LIMIT_MS / 1000} s`, false),
        LIMIT_MS
      )
      const onMessage = ({ fault }: { fault?: string }) => finish(fault, true)
      const onClose = (code: number | null, signal: string | null) =>
        finish(`the process ended by ${signal ?? `code ${code}`}${this.#told()}`, false)
      child.on('message', onMessage)
      child.on('close', onClose)
      ask()
    })
  }

  /** The line of a sanitizer's report that names the fault, or the last line. */
  #told(): string {
    const lines = this.#said.trim().split('\n')
    const line = lines.find((line) => /ERROR:|WARNING:|runtime error:/.test(line)) ?? lines.at(-1)
    return line ? `: ${line.trim().slice(0, 300)}` : ''
  }
}
