/** Starts `alexnode` as it is installed: compiled, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../../..')
/** Compiled by `node scripts/setup.cjs`. */
export const program = join(root, 'dist/lib/cli/main.js')

/** How a process ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A process that runs. */
export interface Started {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
}

/** Starts `alexnode` with these arguments. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const texts = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    texts.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    texts.err += text
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...texts }))
  return { process: child, ended }
}

/** Runs `alexnode` to its end. */
export function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start(args, env).ended
}

/** Says how a process ended, for a failure. */
export function told({ code, signal, out, err }: Ended): string {
  return `code ${code}, signal ${signal}\n${out.slice(-600)}\n${err.slice(-1200)}`
}

/** @throws Error unless the process ended with an error in words */
export function clearError(ended: Ended): void {
  const { code, err } = ended
  if ((code === 1 || code === 2) && /\[\w+\] \S/.test(err) && !/\n\s+at /.test(err)) return
  throw new Error(`expected an end with an error in words, got ${told(ended)}`)
}
