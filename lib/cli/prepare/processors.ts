/** Starts `alexnode prepare` again with a decoding thread for each processor. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Node's threads for decoding, unless UV_THREADPOOL_SIZE is set. */
const NODE_THREADS = 4

/**
 * Runs this command in a child process with UV_THREADPOOL_SIZE set, if that gives more threads: Node reads the
 * variable before a program's first line.
 *
 * @returns true if a child process did the work; its exit code is this process's
 */
export async function runOnAllProcessors(): Promise<boolean> {
  const threads = availableParallelism()
  if (threads <= NODE_THREADS || process.env.UV_THREADPOOL_SIZE !== undefined) return false
  const [file = '', ...args] = process.argv.slice(1)
  const child = spawn(process.execPath, [...process.execArgv, file, 'prepare', ...args], {
    stdio: 'inherit',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) }
  })
  // The terminal sends Ctrl-C to both processes; SIGTERM reaches only this one.
  const ignore = () => {}
  const forward = () => child.kill('SIGTERM')
  process.on('SIGINT', ignore)
  process.on('SIGTERM', forward)
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
  process.off('SIGINT', ignore)
  process.off('SIGTERM', forward)
  return true
}
