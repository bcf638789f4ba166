/** Starts `alexnode prepare` again with a decoding thread for each processor. */
import { spawn } from 'node:child_process'
import { availableParallelism, constants } from 'node:os'
import { SIGNALS } from '../shared/ending.ts'

/** Node's threads for decoding, unless UV_THREADPOOL_SIZE is set. */
const NODE_THREADS = 4

/**
 * Runs this command in a child process with UV_THREADPOOL_SIZE set, if that gives more threads: Node reads the
 * variable before a program's first line.
 *
 * @param threads that decode. Default: one a processor
 * @returns true if a child process did the work; its exit code is this process's
 */
export async function runOnAllProcessors(threads = availableParallelism()): Promise<boolean> {
  if (threads <= NODE_THREADS || process.env.UV_THREADPOOL_SIZE !== undefined) return false
  const [file = '', ...args] = process.argv.slice(1)
  const child = spawn(process.execPath, [...process.execArgv, file, 'prepare', ...args], {
    stdio: 'inherit',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) }
  })
  // The terminal sends a signal to both processes, `kill` only to this one: the child takes two for one.
  const listeners = SIGNALS.map(([name]) => {
    const forward = () => child.kill(name)
    process.on(name, forward)
    return () => process.off(name, forward)
  })
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])
    )
  })
  for (const remove of listeners) remove()
  return true
}
