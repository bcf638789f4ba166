/** `alexnode build`: compiles the native addon, where no prebuilt one fits. */
import { type CompileStep, compileAddon } from '../native/addon/compile.ts'
import { findAddon } from '../native/addon/load.ts'
import { compileIt, isClone } from '../native/addon/manager.ts'
import { packageRoot } from '../native/addon/package-root.ts'
import { command, parse } from './command.ts'
import { duration, onePiece, wrap } from './format.ts'
import { program, UsageError } from './program.ts'

/** How often progress is told, as a share of the whole. */
const SHARE = 0.2

const say = (text: string, indent = '') =>
  process.stderr.write(
    `${wrap(text)
      .map((line) => `${indent}${line}\n`)
      .join('')}`
  )

/** Seconds as .4 s, 12 s or 4:05. */
function time(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1).replace(/^0/, '')} s`
  return seconds < 60 ? `${Math.round(seconds)} s` : duration(seconds)
}

async function step({ what, run }: CompileStep): Promise<void> {
  say(what)
  const start = performance.now()
  let told = 0
  await run((done) => {
    if (done < told + SHARE || done >= 1) return
    told = Math.floor(done / SHARE) * SHARE
    say(`${Math.round(told * 100)} %`, '  ')
  })
  say(`done in ${time((performance.now() - start) / 1000)}`, '  ')
}

await program(async (signal) => {
  const build = await command(
    'build',
    'Compiles the native addon in the installed package, against the oneDNN of the system. That is needed only ' +
      'where no prebuilt addon fits, and again when the package is installed anew. It takes minutes. What is ' +
      'missing is named first, with the command that installs it. JOBS in the environment says how many files ' +
      'are compiled at a time.'
  )
  await parse(build, process.argv.slice(2))
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
  say(`The addon is ${onePiece(file)}. What it can do: alexnode doctor`)
})
