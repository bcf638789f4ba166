/** The processes of one attempt: started together, and stopped together when one fails. */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { SIGNALS } from '../shared/ending.ts'
import { type Outlet, relay } from './lines.ts'

/** How to start a process. */
export interface Start {
  readonly rank: number
  readonly program: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** How a process ended. */
export interface End {
  readonly rank: number
  /** Exit code; of a signal, 128 and its number, as shells have it. */
  readonly code: number
  /** In words: 'ended by SIGKILL'. */
  readonly how: string
  /** True for an end that somebody asked for, by SIGINT, SIGTERM or SIGHUP. */
  readonly asked: boolean
}

/** Time in ms in which the others may say themselves why they end. */
const OWN_END_MS = 1000
/** Time in ms in which what a process wrote last is read after its end. */
const LAST_WORDS_MS = 1000
const NOT_FOUND = 127
const askedCodes: readonly number[] = SIGNALS.map(([, code]) => code)

interface Worker {
  readonly rank: number
  readonly child: ChildProcess
  readonly ended: Promise<End>
}

export interface WorkersOptions {
  readonly out: Outlet
  readonly err: Outlet
  /** Seconds from a request to end until the processes are killed. */
  readonly timeout: number
}

export class Workers {
  readonly #workers: readonly Worker[]
  readonly #timeout: number
  #running: number
  #killing: NodeJS.Timeout | undefined
  /** All processes, in the order in which they ended. */
  readonly ended: Promise<readonly End[]>

  constructor(starts: readonly Start[], { out, err, timeout }: WorkersOptions) {
    this.#timeout = timeout
    this.#running = starts.length
    const order: End[] = []
    this.#workers = starts.map((start) => {
      const child = spawnOne(start)
      const ended = endOf(child, start, out, err).then((end) => {
        this.#running--
        order.push(end)
        if (end.code !== 0) void this.#stop(end)
        return end
      })
      return { rank: start.rank, child, ended }
    })
    this.ended = Promise.all(this.#workers.map(({ ended }) => ended)).then(() => {
      clearTimeout(this.#killing)
      // What a process started and left behind.
      this.#send('SIGKILL')
      return order
    })
  }

  /** Hands a signal on that asks for an end; who does not follow within the time limit is killed. */
  end(signal: NodeJS.Signals): void {
    this.#send(signal)
    this.#killing ??= setTimeout(() => this.#send('SIGKILL'), this.#timeout * 1000)
  }

  /** Hands on a signal that stops processes, or lets them go on. */
  pass(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#send(signal)
  }

  /** Stops the others when one has ended by a failure. */
  async #stop({ asked }: End): Promise<void> {
    // One that was asked to end saves, and so do the others.
    await sleep(asked ? this.#timeout * 1000 : OWN_END_MS, undefined, { ref: false })
    if (this.#running > 0) this.end('SIGTERM')
  }

  #send(signal: NodeJS.Signals): void {
    for (const { child } of this.#workers) {
      if (child.pid === undefined) continue
      try {
        // The process and what it started.
        process.kill(-child.pid, signal)
      } catch {
        // It is gone.
      }
    }
  }
}

function spawnOne({ program, args, env }: Start): ChildProcess {
  // A process group of its own: a terminal's Ctrl-C comes once, from here, and a shell's children hear it, too.
  return spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
}

/** Relays what a process writes, until it ends. */
async function endOf(child: ChildProcess, start: Start, out: Outlet, err: Outlet): Promise<End> {
  const { rank, program } = start
  const streams = [child.stdout, child.stderr]
  const relays = streams.map((stream, i) => {
    return stream && relay(stream, `[${rank}] `, i === 0 ? out : err)
  })
  const end = await new Promise<End>((resolve) => {
    child.once('error', (error) => {
      const how = `could not be started: ${program}: ${error.message}`
      resolve({ rank, code: NOT_FOUND, how, asked: false })
    })
    child.once('exit', (code, signal) => resolve(endBy(rank, code, signal)))
  })
  const last = sleep(LAST_WORDS_MS, undefined, { ref: false })
  await Promise.race([Promise.all(relays), last])
  for (const stream of streams) stream?.destroy()
  await Promise.all(relays)
  return end
}

function endBy(rank: number, code: number | null, signal: NodeJS.Signals | null): End {
  if (code !== null) {
    return { rank, code, how: `ended with code ${code}`, asked: askedCodes.includes(code) }
  }
  const name = signal ?? 'SIGKILL'
  const asked = SIGNALS.some(([one]) => one === name)
  return { rank, code: 128 + constants.signals[name], how: `ended by ${name}`, asked }
}
