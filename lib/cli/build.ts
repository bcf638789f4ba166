/** `alexnode build`: compiles the native addon where no prebuilt one fits. */
import { type CompileStep, compileAddon } from '../native/addon/compile.ts'
import { findAddon } from '../native/addon/load.ts'
import { compileIt, isClone } from '../native/addon/manager.ts'
import { packageRoot } from '../native/addon/package-root.ts'
import { command, parse } from './shared/command.ts'
import { duration } from './shared/format.ts'
import { complain } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { onePiece, wrap } from './shared/text.ts'

/** Progress is reported each time this share of a step is done. */
const SHARE = 0.2

function say(text: string, indent = ''): void {
  const lines = wrap(text).map((line) => `${indent}${line}`)
  complain(lines.join('\n'))
}

/** Seconds as .4 s, 12 s or 4:05. */
function time(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1).replace(/^0/, '')} s`
  return seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds)
}

/** Runs a step and reports its progress and time. */
async function step({ what, run }: CompileStep): Promise<void> {
  say(what)
  const start = performance.now()
  let reported = 0
  await run((done) => {
    if (done < reported + SHARE || done >= 1) return
    reported = Math.floor(done / SHARE) * SHARE
    say(`${Math.round(reported * 100)} %`, '  ')
  })
  say(`done in ${time((performance.now() - start) / 1000)}`, '  ')
}

await program(async (signal) => {
  const build = await command(
    'build',
    "Compiles the native addon in the installed package, against the system's oneDNN. Needed only where " +
      'no prebuilt addon fits, and again after each installation. It takes minutes. First it lists what ' +
      'is missing, with the command that installs it. JOBS in the environment sets how many files are ' +
      'compiled at a time.'
  )
  await parse(build)
  const root = packageRoot()
  if (isClone(root)) {
    throw new UsageError(
      `alexnode build: expected an installed package, got a clone. ${compileIt(root)}`
    )
  }
  await compileAddon({ root, signal, step })
  await step({
    what: 'Loading it',
    async run() {
      await import('../native/binding.ts')
    }
  })
  const { file } = findAddon(root)
  say(`The addon is ${onePiece(file)}. alexnode doctor says what it can do.`)
})
