/** What a campaign is made of. */

/** One case of a campaign. */
export interface Case {
  /** The part it belongs to, such as 'kills'. */
  readonly part: string
  readonly name: string
  /**
   * @returns what was seen, in figures that are summed up
   * @throws Error where what is promised does not hold
   */
  run(): Promise<Readonly<Record<string, number>>>
}

/** Random numbers from 0 to below 1 that follow from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
