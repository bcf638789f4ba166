/** Finds out what this machine can train on, even if libraries are broken. Loads no native code itself. */
import { version } from '../native/version.ts'
import type { Facts } from './facts.ts'
import { type ProbeOptions, probe } from './probe.ts'
import { systemFacts } from './system.ts'
import { problemsOf, verdictOf } from './verdict.ts'

/** Oldest supported Node, as in package.json's `engines`. */
const LEAST_NODE = '20.19.0'

/** True if a version, such as `v20.20.0`, is at least another. */
export function atLeast(version: string, least: string): boolean {
  const numbers = (text: string) => text.replace(/^v/, '').split('.').map(Number)
  const given = numbers(version)
  for (const [i, wanted] of numbers(least).entries()) {
    const number = given[i] ?? 0
    if (number !== wanted) return number > wanted
  }
  return true
}

/**
 * Examines Node, the system, the addon, and NVIDIA's driver and libraries. A child process does what may crash.
 *
 * @example
 * const { verdict, problems } = await examine()
 */
export async function examine(options: ProbeOptions = {}): Promise<Facts> {
  const supported = atLeast(process.version, LEAST_NODE)
  const node = { version: process.version, least: LEAST_NODE, supported }
  const system = systemFacts()
  const probed = await probe(options)
  const { addon, cpu, cuda } = probed
  return {
    version,
    node,
    system,
    addon,
    ...(cpu && { cpu }),
    ...(cuda && { cuda }),
    problems: problemsOf({ node, system }, probed),
    ...verdictOf({ node, system }, probed)
  }
}
