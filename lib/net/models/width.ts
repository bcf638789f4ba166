/**
 * Filters, or units, of a layer in a net of `width` times the usual width.
 * @throws Error where that is not a whole number
 */
export function atWidth(width: number): (count: number) => number {
  return (count) => {
    const narrow = count * width
    if (Number.isSafeInteger(narrow) && narrow > 0) return narrow
    throw new Error(
      `[net] width: expected a fraction that leaves whole numbers of filters, such as .5, got ${width}`
    )
  }
}
