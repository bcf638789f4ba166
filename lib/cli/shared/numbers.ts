/** Parsers of numbers, for commander's options. */

type Parser = (text: string) => number

export async function numberParsers() {
  const { InvalidArgumentError } = await import('commander')
  const between = (
    least: number,
    most: number,
    expected: string,
    isValid: (value: number) => boolean
  ): Parser => {
    return (text) => {
      const value = text.trim() === '' ? Number.NaN : Number(text)
      if (isValid(value) && value >= least && value <= most) return value
      throw new InvalidArgumentError(`Expected ${expected}, got '${text}'.`)
    }
  }
  const limit = Number.MAX_SAFE_INTEGER
  return {
    /** A whole number; both bounds are included. */
    whole: (least: number, most = limit) =>
      between(
        least,
        most,
        `a whole number from ${least}${most < limit ? ` to ${most}` : ''}`,
        Number.isSafeInteger
      ),
    /** A number; both bounds are included. */
    range: (least: number, most: number) =>
      between(least, most, `a number from ${least} to ${most}`, Number.isFinite),
    positive: between(Number.MIN_VALUE, Number.MAX_VALUE, 'a number above 0', Number.isFinite),
    fromZero: between(0, Number.MAX_VALUE, 'a number from 0', Number.isFinite),
    fraction: between(0, 1, 'a fraction from 0 to 1', Number.isFinite),
    fractionBelow1: between(0, 1, 'a fraction from 0 to below 1', (value) => value < 1)
  }
}
