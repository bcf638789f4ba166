import type { Call } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'

/** Which values the calls of a list have written by now. */
export class Written {
  readonly #calls: readonly Call[]
  readonly #values = new Set<Value>()
  /** How many calls `#values` covers. */
  #seen = 0

  /** @param calls a list that may grow */
  constructor(calls: readonly Call[]) {
    this.#calls = calls
  }

  has(value: Value): boolean {
    for (const { op, args } of this.#calls.slice(this.#seen)) {
      for (const { name, role } of op.info.slots) {
        const written = args[name]
        if (written && role !== 'in') this.#values.add(written)
      }
    }
    this.#seen = this.#calls.length
    return this.#values.has(value)
  }
}
