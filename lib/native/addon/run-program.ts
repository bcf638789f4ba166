/** Runs a program as a child process. */
import { spawn } from 'node:child_process'

/** Number of last lines in the error of a failed program. */
const LAST_LINES = 40

/** Options of `runProgram`. */
export interface RunOptions {
  /** Aborts the program and its children. */
  readonly signal: AbortSignal
  /** Keeps its output for the error; else the output goes to stderr. Default true. */
  readonly quiet?: boolean
  /** Called with each line of its output. */
  readonly onLine?: (line: string) => void
  /** Variables in addition to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Runs a program.
 * @throws Error with the last lines of its output if it fails
 * @throws the signal's reason if aborted
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions
): Promise<void> {
  const { signal, onLine, env, quiet = true } = options
  signal.throwIfAborted()
  const child = spawn(program, args, {
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
    detached: true, // a process group of its own, so that compilers end with make
    env: { ...process.env, ...env }
  })
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
    } catch {} // it has ended
  }
  signal.addEventListener('abort', end)
  const last: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      last.push(...lines)
      last.splice(0, last.length - LAST_LINES)
      for (const line of lines) onLine?.(line)
    })
    stream?.on('end', () => last.push(rest))
  }
  try {
    const code = await new Promise<number | string | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, killed) => resolve(code ?? killed))
    })
    signal.throwIfAborted()
    if (code !== 0) throw new Error(last.join('\n').trim() || `${program} ended with ${code}`)
  } finally {
    signal.removeEventListener('abort', end)
  }
}
