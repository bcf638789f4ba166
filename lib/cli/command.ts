/** Command lines: one way to make them, read numbers and refuse what is wrong. */
import type { Command, Option } from 'commander'
import { floatDTypes } from '../native/dtype.ts'
import { COLUMNS, wrap } from './format.ts'
import { UsageError } from './program.ts'

// Loaded when a command line is read, not by everyone who imports the library.
const commander = () => import('commander')

/** A command whose help fits the terminal and whose errors are thrown as UsageError. */
export async function command(name: string, description: string): Promise<Command> {
  const { Command } = await commander()
  return new Command(name)
    .description(wrap(description).join('\n'))
    .helpOption('-h, --help', 'print this help')
    .configureHelp({
      helpWidth: COLUMNS,
      commandUsage: (own) => `alexnode ${own.name()} ${own.usage()}`
    })
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .exitOverride()
}

/**
 * Reads arguments; prints the help and ends the process where that is asked for.
 * @throws UsageError
 */
export async function parse<Options extends object>(
  command: Command,
  args: readonly string[]
): Promise<Options> {
  return (await parseWith<Options>(command, args)).options
}

/** The same, of a command that takes arguments besides options. */
export async function parseWith<Options extends object>(
  command: Command,
  args: readonly string[]
): Promise<{ readonly options: Options; readonly args: readonly string[] }> {
  const { CommanderError } = await commander()
  try {
    const parsed = command.parse(args, { from: 'user' })
    return { options: parsed.opts<Options>(), args: parsed.args }
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) process.exit(0)
    const message = error.message.replace(/^error: /, '')
    throw new UsageError(`alexnode ${command.name()}: ${message}\nTry --help.`, { cause: error })
  }
}

/** An option with one of several values. */
export async function choice(
  flags: string,
  description: string,
  values: readonly string[]
): Promise<Option> {
  const { Option } = await commander()
  return new Option(flags, description).choices(values)
}

/** An option that cannot go with another. */
export async function exclusive(flags: string, description: string, other: string) {
  const { Option } = await commander()
  return new Option(flags, description).conflicts(other)
}

/** `--dtype`, which the device chooses where it is left out. */
export const dtypeOption = () =>
  choice(
    '--dtype <dtype>',
    'what to compute in (bf16 or f16 where that is fast, else f32)',
    floatDTypes
  )

/** Of `--trace <file>`. */
export const traceHelp = 'write one step, call by call, for ui.perfetto.dev'

/** Readers of numbers, for commander. */
export async function readers() {
  const { InvalidArgumentError } = await commander()
  const between = (least: number, most: number, wanted: string, ok: (value: number) => boolean) => {
    return (text: string): number => {
      const value = text.trim() === '' ? Number.NaN : Number(text)
      if (ok(value) && value >= least && value <= most) return value
      throw new InvalidArgumentError(`Expected ${wanted}, got '${text}'.`)
    }
  }
  const most = Number.MAX_SAFE_INTEGER
  return {
    whole: (least: number, limit = most) =>
      between(
        least,
        limit,
        `a whole number from ${least}${limit < most ? ` to ${limit}` : ''}`,
        Number.isSafeInteger
      ),
    positive: between(Number.MIN_VALUE, Number.MAX_VALUE, 'a number above 0', Number.isFinite),
    fromZero: between(0, Number.MAX_VALUE, 'a number from 0', Number.isFinite),
    fraction: between(0, 1, 'a fraction from 0 to 1', Number.isFinite),
    below: between(0, 1, 'a fraction from 0 to below 1', (value) => value < 1)
  }
}
