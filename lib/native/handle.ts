/** A native object, named by its number until it is closed. */
export class Handle {
  readonly #id: number
  readonly #what: string
  readonly #remedy: string
  #closed = false

  /**
   * @internal
   * @param what begins the error of a closed object: '[event]'
   * @param id the native object's number
   * @param remedy ends that error: ': open the data again'
   */
  constructor(what: string, id: number, remedy = '') {
    this.#what = what
    this.#id = id
    this.#remedy = remedy
  }

  /**
   * @internal The number.
   * @throws Error if it is closed
   */
  get id(): number {
    if (this.#closed) throw new Error(`${this.#what} is closed${this.#remedy}`)
    return this.#id
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * @internal Frees the native object and marks it as closed. If `free` throws, it stays open.
   * @returns false if it was closed before
   */
  protected release(free: (id: number) => void): boolean {
    if (this.#closed) return false
    free(this.#id)
    this.#closed = true
    return true
  }
}
