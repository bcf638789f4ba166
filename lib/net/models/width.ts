/**
 * Scales numbers of filters and units by a net's `width`.
 * @throws Error if the result is no whole number from 1
 */
export function atWidth(width: number): (count: number) => number {
  return (count) => {
    const scaled = count * width
    if (Number.isSafeInteger(scaled) && scaled > 0) return scaled
    throw new Error(
      `[net] width: expected a fraction that leaves whole numbers of filters, such as .5, got ${width}`
    )
  }
}
