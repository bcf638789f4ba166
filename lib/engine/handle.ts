/** A native object by its number, until it is closed. */
export class Handle {
  readonly #id: number
  /** Begins the error: 'event', or an op's name. */
  readonly #label: string
  readonly #hint: string
  #closed = false

  /** @param hint ends the error: ': open the data again' */
  constructor(label: string, id: number, hint = '') {
    this.#label = label
    this.#id = id
    this.#hint = hint
  }

  /**
   * @internal
   * @throws Error once it is closed
   */
  get id(): number {
    if (this.#closed) throw new Error(`[${this.#label}] is closed${this.#hint}`)
    return this.#id
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Calls `free` and marks the object as closed; if `free` throws, it stays open. A second call does nothing. */
  protected release(free: (id: number) => void): boolean {
    if (this.#closed) return false
    free(this.#id)
    this.#closed = true
    return true
  }
}
