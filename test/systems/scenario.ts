/** What one line of docs/systems.md is made of: something that a user does with the packed package. */

/** The tables of docs/systems.md, in their order. */
export const groups = [
  'Systems',
  'Node',
  'Package managers',
  'Bundlers',
  'Other runtimes',
  'Test runners',
  'TypeScript'
] as const

export interface Scenario {
  readonly group: (typeof groups)[number]
  /** What is tried, with its version: `pnpm 12.21.0`. */
  readonly tool: string
  /** The version of Node that it runs under; without it the Node that runs all this. */
  readonly node?: string
  /** What is done and holds, as one phrase: `installs, trains two steps`. */
  readonly what: string
  /** Why it cannot be tried on this machine. */
  readonly skip?: () => string | undefined
  /** Does it, in a folder of its own. @throws where it does not hold, with what was seen */
  readonly run: (place: Place) => Promise<void>
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to a clean environment that has PATH, HOME, npm's settings and proxies. */
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds until the program is ended; 5 minutes. */
  readonly timeout?: number
  readonly input?: string
}

export interface Ended {
  /** The exit status, or the name of the signal. */
  readonly code: number | string
  readonly out: string
  readonly err: string
}

/** What a scenario is given. */
export interface Place {
  /** An empty folder, deleted afterwards. */
  readonly folder: string
  /** The package, as `npm pack` makes it. */
  readonly tarball: string
  /** The Node of this scenario: its binary. */
  readonly node: string
  /** The folder of a package of npm's, installed once for all scenarios, with its dependencies. */
  tool(name: string, version: string): Promise<string>
  /** Runs a program to its end, `node` of this scenario first in its PATH. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ended>
  /** The same, and its exit status must be 0. @throws with what it said */
  ok(program: string, args: readonly string[], options?: RunOptions): Promise<Ended>
}
