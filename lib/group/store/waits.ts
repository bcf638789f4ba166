/** Calls that wait for an answer of the hub. */
import { GroupError } from '../errors.ts'

/** Time in ms that the hub may take longer, before a wait ends by itself. */
const SPARE_MS = 5000

interface Wait {
  readonly what: string
  readonly timer: NodeJS.Timeout
  resolve(values: readonly Uint8Array[]): void
  reject(error: Error): void
}

export class Waits {
  readonly #hold: (held: boolean) => void
  readonly #waits = new Map<number, Wait>()
  #last = 0

  /** @param hold is told whether anything waits: the process then lives on */
  constructor(hold: (held: boolean) => void) {
    this.#hold = hold
  }

  /** Begins a wait. */
  begin(
    what: string,
    seconds: number
  ): { readonly id: number; readonly answer: Promise<readonly Uint8Array[]> } {
    this.#last++
    const id = this.#last
    const answer = new Promise<readonly Uint8Array[]>((resolve, reject) => {
      const late = () =>
        this.refuse(id, `expected an answer within ${seconds} s, got none of rank 0`)
      const timer = setTimeout(late, seconds * 1000 + SPARE_MS)
      this.#waits.set(id, { what, timer, resolve, reject })
    })
    this.#hold(true)
    return { id, answer }
  }

  settle(id: number, values: readonly Uint8Array[]): void {
    this.#take(id)?.resolve(values)
  }

  refuse(id: number, reason: string): void {
    const wait = this.#take(id)
    wait?.reject(new GroupError(`[group] ${wait.what}: ${reason}`))
  }

  /** Rejects all that waits. */
  end(error: Error): void {
    for (const id of [...this.#waits.keys()]) this.#take(id)?.reject(error)
  }

  #take(id: number): Wait | undefined {
    const wait = this.#waits.get(id)
    if (!wait) return undefined
    clearTimeout(wait.timer)
    this.#waits.delete(id)
    if (this.#waits.size === 0) this.#hold(false)
    return wait
  }
}
