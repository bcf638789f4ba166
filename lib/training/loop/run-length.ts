import { requireNumber } from '../../util/require.ts'

/** How many steps tell the pace, by their median; the first, which touches fresh memory, does not count. */
const PACE_STEPS = 16

/** How many steps a run has: known from the start, or chosen when the pace of the first is known. */
export class Length {
  readonly #most: number
  readonly #choose: ((imagesPerSecond: number) => number) | undefined
  readonly #paces: number[] = []
  #counted = 0
  #settled: number | undefined

  /**
   * @param most steps at most
   * @param choose told the pace in images a second; without it, `most` it is
   * @param from what was chosen before, of a run that goes on
   */
  constructor(
    most: number,
    choose: ((imagesPerSecond: number) => number) | undefined,
    from: number | undefined
  ) {
    this.#most = most
    this.#choose = choose
    this.#settled = choose ? from : most
  }

  /** Steps in all, as far as is known. */
  get steps(): number {
    return this.#settled ?? this.#most
  }

  /** For what is saved: nothing until it is settled. */
  get state(): { readonly steps?: number } {
    return this.#settled === undefined ? {} : { steps: this.#settled }
  }

  /** Counts a step, and chooses how many there will be when the pace is known. At least `sent` are under way. */
  count(images: number, seconds: number, sent: number): void {
    if (!this.#choose || this.#settled !== undefined || ++this.#counted === 1) return
    this.#paces.push(images / seconds)
    if (this.#counted < PACE_STEPS) return
    const sorted = this.#paces.sort((a, b) => a - b)
    const wanted = Math.round(this.#choose(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN))
    requireNumber('steps, as chosen', wanted, 0)
    this.#settled = Math.max(sent, Math.min(this.#most, wanted))
  }
}
