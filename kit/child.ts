/** Runs a part of the kit as a process, which may crash or hang without harm to the report. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** No stage may take longer, in milliseconds. */
export const STAGE_LIMIT = 8 * 60_000

/** One JSON object that a stage printed. */
export type Line = Readonly<Record<string, unknown>>

export interface Ended {
  readonly lines: readonly Line[]
  /** How it ended, unless with exit code 0, with the end of what it wrote to stderr. */
  readonly error: string | undefined
}

/**
 * Runs node with `args` and reads a JSON object a line from it; ends it after `limit` milliseconds.
 * Lines that are no object are left out.
 *
 * @param more what is called at each line, and variables for its environment
 */
export async function runLines(
  args: readonly string[],
  limit: number,
  more: ((line: Line) => void) | { readonly env: NodeJS.ProcessEnv } = { env: {} }
): Promise<Ended> {
  const { onLine, env } =
    typeof more === 'function' ? { onLine: more, env: {} } : { onLine: () => {}, env: more.env }
  // A group of its own: what it starts ends with it.
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true
  })
  const lines: Line[] = []
  let errors = ''
  let late = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-2000)
  })
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nothing of it is left.
    }
  }
  const timer = setTimeout(() => {
    late = true
    end()
  }, limit)
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? '' : `it ended with ${signal ?? code}`)
    )
  })
  for await (const text of createInterface({ input: child.stdout })) {
    const line = parse(text)
    if (!line) continue
    lines.push(line)
    onLine(line)
  }
  const how = late ? `it took longer than ${limit / 60_000} minutes` : await ended
  clearTimeout(timer)
  // What it started and left would be in the way of the next.
  end()
  const error = how === '' ? undefined : [how, errors.trim()].filter(Boolean).join(': ')
  return { lines, error }
}

function parse(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value
      ? Object.fromEntries(Object.entries(value))
      : undefined
  } catch {
    return undefined
  }
}
