/** Keeps the results of the campaign, part by part and share by share. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePage } from '../page.ts'
import { root } from './launch.ts'

/** What came of a part. */
export interface PartResult {
  readonly cases: number
  /** Names of the cases that failed, and why. */
  readonly failed: readonly string[]
  /** What was counted. */
  readonly seen: Readonly<Record<string, number>>
  /** The most milliseconds from a signal to the end. */
  readonly slowest: number
}

interface Kept extends PartResult {
  readonly date: string
  readonly commit: string
  readonly seeds: readonly number[]
  /** Shares that were tried, such as 1/5. */
  readonly shares: readonly string[]
}

const file = join(root, 'test/campaigns/kept/chaos.json')

/** Adds the results to those of the other shares of the same division; a first share begins anew. */
export function record(
  parts: ReadonlyMap<string, PartResult>,
  { seed, share, shares }: { seed: number; share: number; shares: number }
): void {
  const before: Record<string, Kept> = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : {}
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).toString()
  const kept = { ...before }
  for (const [part, result] of parts) {
    const old = share > 1 ? kept[part] : undefined
    const seen = { ...old?.seen }
    for (const [name, value] of Object.entries(result.seen)) seen[name] = (seen[name] ?? 0) + value
    kept[part] = {
      date: new Date().toISOString().slice(0, 10),
      commit: commit.trim(),
      seeds: [...new Set([...(old?.seeds ?? []), seed])],
      shares: [...(old?.shares ?? []), `${share}/${shares}`],
      cases: (old?.cases ?? 0) + result.cases,
      failed: [...(old?.failed ?? []), ...result.failed],
      seen,
      slowest: Math.max(old?.slowest ?? 0, result.slowest)
    }
  }
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`)
  writePage()
}
