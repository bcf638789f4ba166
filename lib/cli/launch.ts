/** `alexnode launch`: starts a command as several processes that train together. */
import { launchArguments } from './launch/arguments.ts'
import { launch } from './launch/launcher.ts'
import { printError, UsageError } from './shared/program.ts'

// Not by `program`: that ends a command soon after a signal, and the processes here may have to save.
try {
  process.exitCode = await launch(await launchArguments(process.argv.slice(2)))
} catch (error) {
  printError(error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
