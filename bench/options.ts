/** What the options of the programs in bench/ and test/systems/ hold, checked. */
import { relative, resolve } from 'node:path'
import { type ParseArgsConfig, parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')

/** Says what is wrong with the call, and ends the program. */
export function refuse(what: string): never {
  console.error(`${relative(root, process.argv[1] ?? '')}: ${what}`)
  process.exit(2)
}

/** What the command line says, by node:util's parseArgs; a mistake in it ends the program with one line. */
export function optionsOf<const Config extends ParseArgsConfig>(
  config: Config
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config)
  } catch (error) {
    // What follows its first sentence is about words that begin with a dash.
    const [what = ''] = (error instanceof Error ? error.message : String(error)).split('. ')
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`)
    return refuse(`${what}; expected of ${known.join(', ')}`)
  }
}

/** A whole number that an option gives. */
export function whole(option: string, text: string, least = 1): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number
  return refuse(`--${option}: expected a whole number from ${least}, got '${text}'`)
}

/** A pattern that an option gives. */
export function pattern(option: string, text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    return refuse(`--${option}: expected a regular expression, got '${text}'`)
  }
}
