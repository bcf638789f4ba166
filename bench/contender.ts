/**
 * A program that measures one workload as often as it is asked to, in a process of its own: so two of them can
 * take turns, each warm. It prints JSON, a line each: {"ready": …} when it is warm; then, for each {"seconds": s}
 * that it reads, the milliseconds of its steps as {"ms": […]}; and {"end": …} when its input ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export type Facts = Readonly<Record<string, unknown>>

export interface ContenderOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export class Contender {
  /** What it tells of itself when it is warm. */
  readonly ready: Facts
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #trouble: () => string

  private constructor(
    child: ChildProcess,
    lines: AsyncIterator<string>,
    ready: Facts,
    trouble: () => string
  ) {
    this.#child = child
    this.#lines = lines
    this.#trouble = trouble
    this.ready = ready
  }

  /** Resolves when it is warm. */
  static async start({ command, args, env = {} }: ContenderOptions): Promise<Contender> {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env }
    })
    let errors = ''
    child.stderr.on('data', (data) => {
      errors = (errors + String(data)).slice(-2000)
    })
    // A child that has died tells so by the end of its lines.
    child.on('error', (error) => {
      errors += error.message
    })
    child.stdin.on('error', () => {})
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const trouble = () => `[bench] ${command} ${args.join(' ')} ended early: ${errors.trim()}`
    const { ready } = await next(lines, trouble)
    return new Contender(child, lines, Object(ready), trouble)
  }

  /** Milliseconds of each step, as many as fit, one at least. */
  async run(seconds: number): Promise<readonly number[]> {
    this.#child.stdin?.write(`${JSON.stringify({ seconds })}\n`)
    const { ms } = await next(this.#lines, this.#trouble)
    return Array.isArray(ms) ? ms.map(Number) : []
  }

  /** Ends it; resolves with what it tells last. */
  async end(): Promise<Facts> {
    this.#child.stdin?.end()
    const { end } = await next(this.#lines, this.#trouble)
    return Object(end)
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}

/** The next line that is an object; libraries print others. */
async function next(lines: AsyncIterator<string>, trouble: () => string): Promise<Facts> {
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error(trouble())
    if (value.startsWith('{')) return Object(JSON.parse(value))
  }
}
