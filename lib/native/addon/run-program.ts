/** Runs a program as a child process. */
import { spawn } from 'node:child_process'

/** Lines of a failed program that are told. */
const TOLD = 40

export interface RunOptions {
  readonly signal: AbortSignal
  /** Whether what it writes is kept for the error; else it goes to stderr. Default true. */
  readonly quiet?: boolean
  readonly onLine?: (line: string) => void
  /** Besides this process's environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** @throws Error with the last lines that the program wrote, where it fails */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: RunOptions
): Promise<void> {
  const { signal, onLine, env, quiet = true } = options
  signal.throwIfAborted()
  const child = spawn(program, args, {
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2],
    detached: true, // a group of its own: make and its compilers end with it
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
      last.splice(0, last.length - TOLD)
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
