/** Runs programs of this package as a person does: as processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const dist: { isStale(): boolean } = createRequire(import.meta.url)('../scripts/dist.cjs')
let isCompiled: boolean | undefined

/**
 * Node's arguments for a program: what is compiled starts in a quarter of the time. It must be up to date, and not be
 * given options of Node, which may be hooks for its sources.
 */
export function startOf(file: string, { NODE_OPTIONS }: NodeJS.ProcessEnv): string[] {
  const path = join(root, file)
  if (file.startsWith('lib/') && !NODE_OPTIONS) {
    isCompiled ??= !dist.isStale()
    if (isCompiled) return [path.replace(root, join(root, 'dist')).replace(/ts$/, 'js')]
  }
  return ['--import', 'tsx', path]
}

/** How a process ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A TypeScript program of this repository. */
export class Running {
  readonly process: ChildProcess
  /** When it ends. */
  readonly ended: Promise<Ended>
  #out = ''
  #err = ''

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.process = spawn(process.execPath, [...startOf(file, env), ...args], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.process.stdout?.setEncoding('utf8').on('data', (text) => {
      this.#out += text
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#err += text
    })
    this.ended = once(this.process, 'close').then(([code, signal]) => {
      return { code, signal, out: this.#out, err: this.#err }
    })
  }

  /** Resolves when what was written to stdout matches; fails when the process ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const over = this.ended.then(({ out, err }) => {
      if (pattern.test(out)) return
      throw new Error(`expected ${pattern}, got an end after:\n${out}\n${err}`)
    })
    over.catch(() => {})
    for (;;) {
      const found = pattern.exec(this.#out)
      if (found) return found
      const more = this.process.stdout ? once(this.process.stdout, 'data') : over
      more.catch(() => {})
      await Promise.race([more, over])
      if (this.process.exitCode !== null) await over
    }
  }
}

/** Runs a program to its end. */
export function runProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {}
): Promise<Ended> {
  return new Running(file, args, env).ended
}

/** The objects of `--json`. */
export function objects(out: string): Record<string, unknown>[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** The widest line, in characters; names of files, which cannot be broken, are taken as short. */
export function widest(text: string, ...paths: readonly string[]): number {
  const short = paths.reduce((text, path) => text.replaceAll(path, 'out'), text)
  return Math.max(...short.split('\n').map((line) => [...line].length))
}
