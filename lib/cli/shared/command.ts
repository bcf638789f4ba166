/** Makes command lines and parses them; what is wrong in one becomes a UsageError. */
import type { Command, Option } from 'commander'
import { UsageError } from './program.ts'
import { COLUMNS, wrapped } from './text.ts'

// Loaded when a command line is read, not by everyone who imports the library.
const commander = () => import('commander')

/** Makes a command whose help fits the terminal. */
export async function command(name: string, description: string): Promise<Command> {
  const { Command } = await commander()
  return new Command(name)
    .description(wrapped(description))
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
 * Parses a command line and returns its options; `command.args` then holds the other arguments. With `--help` it
 * prints the help and ends the process.
 *
 * @param args default: those of this process
 * @throws UsageError
 */
export async function parse<Options extends object>(
  command: Command,
  args: readonly string[] = process.argv.slice(2)
): Promise<Options> {
  const { CommanderError } = await commander()
  try {
    return command.parse(args, { from: 'user' }).opts<Options>()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) process.exit(0)
    const message = error.message.replace(/^error: /, '')
    throw new UsageError(`alexnode ${command.name()}: ${message}\nTry --help.`, { cause: error })
  }
}

/** An option that takes one of several values. */
export async function choice(
  flags: string,
  description: string,
  values: readonly string[]
): Promise<Option> {
  const { Option } = await commander()
  return new Option(flags, description).choices(values)
}

/** An option that excludes another. */
export async function exclusive(flags: string, description: string, other: string) {
  const { Option } = await commander()
  return new Option(flags, description).conflicts(other)
}

/** An option of another command, which the help leaves out: `why` tells what to do instead. */
export async function elsewhere(flags: string, why: string): Promise<Option> {
  const { InvalidArgumentError, Option } = await commander()
  return new Option(flags).hideHelp().argParser(() => {
    throw new InvalidArgumentError(why)
  })
}
