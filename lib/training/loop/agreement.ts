/**
 * What the processes of a group agree on before each step. Rank 0 decides what depends on clocks and files: the rate, the
 * number of steps, when to save. Any rank may ask to stop.
 */

import { GroupError } from '../../group/errors.ts'
import type { Group } from '../../group/group.ts'

/** What a process wants before a step. */
export interface Wish {
  /** End the run after the steps that were queued. */
  readonly stop: boolean
  /** It is time for a snapshot. */
  readonly save: boolean
  /** Steps in all; undefined: not known yet. */
  readonly steps: number | undefined
  /** The rate of the next step, if it changes. */
  readonly lr: number | undefined
}

export class Agreement {
  readonly #group: Group
  #sent = -1
  #agreed: Wish = { stop: false, save: false, steps: undefined, lr: undefined }

  constructor(group: Group) {
    this.#group = group
  }

  /** What holds for the next step. */
  get agreed(): Wish {
    return this.#agreed
  }

  /**
   * Agrees on the next step, once for each.
   * @param sent steps queued so far
   * @param wish called if there is something to agree on
   */
  async on(sent: number, wish: () => Wish): Promise<void> {
    if (this.#sent === sent) return
    this.#sent = sent
    const own = wish()
    const { rank } = this.#group
    const told = rank === 0 ? { ...own, sent } : { stop: own.stop, sent }
    const join = this.#group.joining('the next step')
    const all = (await join(Buffer.from(JSON.stringify(told)))).map(
      (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Wish & { readonly sent: number }
    )
    const other = all.findIndex((one) => one.sent !== sent)
    if (other >= 0) {
      throw new GroupError(
        `[train] expected all ranks at step ${sent + 1}, got rank ${other} at step ` +
          `${(all[other]?.sent ?? Number.NaN) + 1}: give all ranks the same options`
      )
    }
    const [first = own] = all
    this.#agreed = { ...first, stop: all.some(({ stop }) => stop) }
  }
}
