/**
 * Compiles the addon in the installed package, against the system's libraries: `alexnode build`. CMake writes it to
 * build/Release, where it is looked for first.
 */
import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { access, mkdir, rm } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errnoOf } from '../../util/files/errors.ts'
import { FolderLock } from '../../util/files/lock.ts'
import { runProgram } from './run-program.ts'

/** A step of compiling. */
export interface CompileStep {
  /** What the step does, as a phrase for people. */
  readonly what: string
  /** @param progress called from time to time with the share that is done, 0 to 1, if it is known */
  run(progress: (done: number) => void): Promise<void>
}

/** Options of `compileAddon`. */
export interface CompileOptions {
  /** The package's folder. */
  readonly root: string
  /** Aborts compiling. */
  readonly signal: AbortSignal
  /** Runs a step and reports it. */
  readonly step: (step: CompileStep) => Promise<void>
}

/**
 * Compiles the addon.
 * @throws Error naming what is missing, the compiler's error, or why the folder cannot be written
 * @throws FolderInUseError if another process compiles there
 */
export async function compileAddon({ root, signal, step }: CompileOptions): Promise<void> {
  await mustBeWritable(root)
  mustSuitCMake(root)
  await step({
    what: 'Looking for what compiling needs',
    async run() {
      const args = [join(root, 'scripts/native-deps.cjs'), 'compile']
      // Its output goes to stderr as it is: it has a command that must stay in one line.
      await runProgram(process.execPath, args, { signal, quiet: false }).catch((cause: unknown) => {
        signal.throwIfAborted()
        throw new Error('alexnode build: nothing was compiled.', { cause })
      })
    }
  })
  const env = {
    ALEXNODE_CUDA_ARCHS: process.env.ALEXNODE_CUDA_ARCHS ?? (await gpuArchitectures(signal))
  }
  const build = join(root, 'build')
  await mkdir(build, { recursive: true })
  const lock = await FolderLock.take(build)
  const cmake = join(build, 'cmake')
  try {
    const node = `-DNODE_EXECUTABLE=${process.execPath}`
    const configure = ['-S', root, '-B', cmake, '-DCMAKE_BUILD_TYPE=Release', node]
    await step({
      what: 'Configuring with CMake',
      async run() {
        const old = existsSync(cmake)
        try {
          await runProgram('cmake', configure, { signal, env })
        } catch (error) {
          // The folder may be left by an attempt in another place or with another compiler.
          if (!old || signal.aborted) throw error
          await rm(cmake, { recursive: true, force: true })
          await runProgram('cmake', configure, { signal, env })
        }
      }
    })
    const jobs = process.env.JOBS || String(defaultJobs())
    await step({
      what: `Compiling (JOBS: ${jobs}), which takes minutes`,
      run: (progress) =>
        runProgram('cmake', ['--build', cmake, '--parallel', jobs], {
          signal,
          env,
          onLine: percent(progress)
        })
    })
    await step({
      what: 'Deleting what is only needed while it compiles',
      run: () => rm(cmake, { recursive: true, force: true })
    })
  } finally {
    await lock.release()
  }
}

async function mustBeWritable(root: string): Promise<void> {
  try {
    await access(root, constants.W_OK)
  } catch (error) {
    const why = errnoOf(error) === 'EROFS' ? 'one that is mounted read-only' : 'one that may not be'
    throw new Error(
      `alexnode build: expected a folder that can be written, got ${why}: ${root}.\n` +
        'Build as a user who may write there, or install and build elsewhere and copy node_modules.',
      { cause: error }
    )
  }
}

/** CMake's test of the compiler fails in such a folder, with a long and useless message. */
function mustSuitCMake(root: string): void {
  if (!root.includes('"')) return
  throw new Error(
    `alexnode build: expected a folder without a double quote in its path, which CMake cannot take, got ${root}`
  )
}

/** Number of parallel jobs: each may take 1 GiB. */
const defaultJobs = () =>
  Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 30)))

/** Compute capabilities of this machine's GPUs, such as '90 120'. Compiling kernels for all takes minutes. */
async function gpuArchitectures(signal: AbortSignal): Promise<string> {
  try {
    const query = ['--query-gpu=compute_cap', '--format=csv,noheader']
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { signal, timeout: 10_000 })
    return stdout.replaceAll('.', '').split('\n').join(' ').trim()
  } catch {
    signal.throwIfAborted()
    return '' // no driver, or it does not answer
  }
}

/** Parses the progress that make prints: `[ 42%] Building CXX object …`. */
const percent = (progress: (done: number) => void) => (line: string) => {
  const [, share] = /^\[ *(\d+)%\]/.exec(line) ?? []
  if (share !== undefined) progress(Number(share) / 100)
}
