import { checkArguments } from '../../util/check/check.ts'
import { number } from '../../util/check/rules.ts'

/** Steps whose median gives the pace. The first step is left out: it touches fresh memory. */
const PACE_STEPS = 16

/** The number of steps of a run: known from the start, or chosen when the pace of the first steps is known. */
export class RunLength {
  readonly #most: number
  readonly #choose: ((imagesPerSecond: number) => number) | undefined
  readonly #paces: number[] = []
  readonly #shared: boolean
  #counted = 0
  #chosen: number | undefined
  #proposed: number | undefined

  /**
   * @param most steps at most
   * @param choose gets the pace and returns the number of steps; without it there are `most`
   * @param from what a run that is resumed had chosen
   * @param shared true if what is chosen here only holds when it is adopted, on all ranks
   */
  constructor(
    most: number,
    choose: ((imagesPerSecond: number) => number) | undefined,
    from: number | undefined,
    shared = false
  ) {
    this.#most = most
    this.#choose = choose
    this.#chosen = choose ? from : most
    this.#shared = shared
  }

  /** Steps in all, or the most there can be until that is chosen. */
  get steps(): number {
    return this.#chosen ?? this.#most
  }

  /** For a snapshot: empty until the length is chosen. */
  get state(): { readonly steps?: number } {
    return this.#chosen === undefined ? {} : { steps: this.#chosen }
  }

  /**
   * Counts a step, and chooses the length when the pace is known.
   * @param sent steps queued so far, which is the least there can be
   */
  count(images: number, seconds: number, sent: number): void {
    if (!this.#choose || this.proposed !== undefined || ++this.#counted === 1) return
    this.#paces.push(images / seconds)
    if (this.#counted < PACE_STEPS) return
    const sorted = this.#paces.sort((a, b) => a - b)
    const wanted = this.#choose(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN)
    checkArguments('train', { 'steps, as chosen': [wanted, number({ from: 0 })] })
    // Where it is shared, the ranks may have agreed on one step more.
    const least = this.#shared ? sent + 1 : sent
    const chosen = Math.min(this.#most, Math.max(least, Math.round(wanted)))
    if (this.#shared) this.#proposed = chosen
    else this.#chosen = chosen
  }

  /** What was chosen here, adopted or not. */
  get proposed(): number | undefined {
    return this.#chosen ?? this.#proposed
  }

  /** Takes the length that all ranks agreed on. */
  adopt(steps: number): void {
    this.#chosen = steps
  }
}
