/** What the bench programs' options hold, checked. */

/** Says what is wrong with the call, and ends the program. */
export function refuse(what: string): never {
  console.error(`[bench] ${what}`)
  process.exit(2)
}

/** A whole number that an option gives. */
export function whole(option: string, text: string, least = 1): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number
  return refuse(`--${option}: expected a whole number from ${least}, got '${text}'`)
}
