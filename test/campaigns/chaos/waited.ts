/** How long the threads of a process waited for a processor: a limit of time must not fail because others compute. */
import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds between two looks at a process that may end at any time. */
const EVERY = 20

/** Watches a process from now on. */
export class Waited {
  readonly #tasks: string
  readonly #since: number
  readonly #timer: NodeJS.Timeout
  #now: number

  constructor(pid: number | undefined) {
    this.#tasks = `/proc/${pid}/task`
    this.#since = this.#now = waitedBy(this.#tasks)
    this.#timer = setInterval(() => {
      this.#now = Math.max(this.#now, waitedBy(this.#tasks))
    }, EVERY)
  }

  /** Ends the watch. Returns milliseconds, of all threads together; 0 where the system does not tell. */
  end(): number {
    clearInterval(this.#timer)
    return this.#now - this.#since
  }
}

/** Of each thread the system tells nanoseconds: on a processor, and ready for one. */
function waitedBy(tasks: string): number {
  try {
    const texts = readdirSync(tasks).map((id) => readFileSync(`${tasks}/${id}/schedstat`, 'utf8'))
    return texts.reduce((sum, text) => sum + Number(text.split(' ')[1]) / 1e6, 0)
  } catch {
    // The process has ended, or this is no Linux.
    return 0
  }
}
