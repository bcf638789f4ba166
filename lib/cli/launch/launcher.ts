/** Starts a group, watches it, and starts it again after a failure. */
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { foreign } from '../../util/foreign.ts'
import { counted } from '../../util/words.ts'
import { SIGNALS } from '../shared/ending.ts'
import { isCommand } from '../shared/names.ts'
import { complain } from '../shared/output.ts'
import { entry, wrapped } from '../shared/text.ts'
import type { LaunchArguments } from './arguments.ts'
import { environmentOf, groupOf, meetingPlace } from './environment.ts'
import { Outlet } from './lines.ts'
import { RunWatch } from './run-watch.ts'
import { type End, Workers } from './workers.ts'

/** The exit code of a command line that asks for something impossible: another start would fail alike. */
const USAGE = 2
const SIGPIPE = 141
/** A signal that comes again so soon is the same. */
const REPEAT_MS = 100

/**
 * Runs a group until it ends for good.
 * @returns the exit code: that of the rank that failed first, or of the signal that came
 */
export async function launch(given: LaunchArguments): Promise<number> {
  const watch = await RunWatch.of(given.command)
  const group = groupOf(given)
  const signals = new Signals()
  const out = new Outlet(process.stdout, () => signals.ask('SIGTERM', SIGPIPE))
  const err = new Outlet(process.stderr)
  if (given.nnodes > 1 && group.secret === undefined) {
    say(
      'Without ALEXNODE_GROUP_SECRET anybody who reaches rank 0 can join: set it on all machines.'
    )
  }
  try {
    let args: readonly string[] = given.command.slice(1)
    for (let restarts = 0; ; restarts++) {
      const place = await meetingPlace(given.rendezvous)
      const starts = Array.from({ length: given.nproc }, (_, localRank) => {
        const env = environmentOf(given, group, place, { localRank, restarts })
        return { rank: Number(env.RANK), ...startOf(given.command[0], args), env }
      })
      if (restarts === 0) {
        const all = counted(given.nproc * given.nnodes, 'process', 'processes')
        const here = given.nnodes > 1 ? `, ${given.nproc} of them on this machine` : ''
        const threads = counted(group.threads, 'thread')
        const where = foreign(`${place.host}:${place.port}`)
        complain(entry('Launch', `${all}${here}, ${threads} each; rank 0 at ${where}`))
      }
      if (signals.code !== 0) return signals.code
      const workers = new Workers(starts, { out, err, timeout: given.timeout })
      signals.to(workers)
      const ends = await workers.ended
      const failed = ends.find(({ code }) => code !== 0)
      if (signals.code !== 0) return signals.code
      if (!failed) return 0
      tell(failed, given)
      if (restarts >= given.maxRestarts || !mayRestart(failed, given)) return failed.code
      args = await watch.again()
      const on = args.at(-1) === '--resume' ? ', from what the run has saved' : ''
      say(`Restart ${restarts + 1} of ${given.maxRestarts}${on}.`)
    }
  } finally {
    signals.close()
  }
}

/** True unless somebody asked for the end, or another start would end alike. */
function mayRestart({ asked, code }: End, { command: [name] }: LaunchArguments): boolean {
  return !asked && !(isCommand(name) && code === USAGE)
}

function tell({ rank, how }: End, { nproc, nnodes }: LaunchArguments): void {
  const others = nproc * nnodes > 1 ? '; the others are stopped' : ''
  say(`Rank ${rank} ${foreign(how)}${others}.`)
}

function say(text: string): void {
  complain(wrapped(text))
}

/** A command of alexnode, or a program. */
function startOf(name: string, args: readonly string[]) {
  if (!isCommand(name)) return { program: name, args }
  const here = fileURLToPath(import.meta.url)
  const main = join(dirname(here), '..', `main${extname(here)}`)
  return { program: process.execPath, args: [...process.execArgv, main, name, ...args] }
}

/** Hands signals on to the processes of the attempt that runs. */
class Signals {
  readonly #listeners: readonly (readonly [NodeJS.Signals, () => void])[]
  #workers: Workers | undefined
  #asked: NodeJS.Signals | undefined
  #last = Number.NEGATIVE_INFINITY
  /** The exit code of the signal that came; 0 if none did. */
  code = 0

  constructor() {
    this.#listeners = [
      ...SIGNALS.map(([name, code]) => [name, () => this.ask(name, code)] as const),
      // Ctrl-Z: the processes are in groups of their own, which a terminal does not stop.
      ['SIGTSTP', () => this.#pause()],
      ['SIGCONT', () => this.#workers?.pass('SIGCONT')]
    ]
    for (const [name, listener] of this.#listeners) process.on(name, listener)
  }

  to(workers: Workers): void {
    this.#workers = workers
    // It came between two attempts.
    if (this.#asked !== undefined) workers.end(this.#asked)
  }

  /** Asks the processes to end. */
  ask(name: NodeJS.Signals, code: number): void {
    const now = performance.now()
    if (now - this.#last < REPEAT_MS) return
    this.#last = now
    this.#asked ??= name
    this.code ||= code
    this.#workers?.end(name)
  }

  #pause(): void {
    this.#workers?.pass('SIGSTOP')
    process.kill(process.pid, 'SIGSTOP')
  }

  close(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener)
  }
}
