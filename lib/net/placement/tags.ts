/**
 * The tags of a build's collectives, in the order of its calls. All processes build the same net, so that they count
 * alike.
 */
export class Tags {
  #next: number

  constructor(first: number) {
    this.#next = first
  }

  next(): number {
    return this.#next++
  }
}
