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
  /** Cases that failed, were mended and then tried again, and the commit at which they were. */
  readonly again?: readonly { readonly name: string; readonly commit: string }[]
}

const file = join(root, 'test/campaigns/kept/chaos.json')

/** Adds the results to those of the other shares of the same division; a first share begins anew. */
export function record(
  parts: ReadonlyMap<string, PartResult>,
  { seed, share, shares }: { seed: number; share: number; shares: number }
): void {
  const before = keptResults()
  const kept = { ...before }
  for (const [part, result] of parts) {
    const old = share > 1 ? kept[part] : undefined
    kept[part] = {
      date: new Date().toISOString().slice(0, 10),
      commit: commitNow(),
      seeds: [...new Set([...(old?.seeds ?? []), seed])],
      shares: [...(old?.shares ?? []), `${share}/${shares}`],
      cases: (old?.cases ?? 0) + result.cases,
      failed: [...(old?.failed ?? []), ...result.failed],
      seen: sums(old?.seen ?? {}, result.seen),
      slowest: Math.max(old?.slowest ?? 0, result.slowest)
    }
  }
  write(kept)
}

/** Tells which cases failed, by part and name. */
export function keptFailures(): (part: string, name: string) => boolean {
  const kept = keptResults()
  return (part, name) => kept[part]?.failed.some((text) => text.startsWith(`${name}: `)) === true
}

/** Takes the cases that were tried again out of those that failed, unless they failed again. */
export function recordAgain(
  parts: ReadonlyMap<string, PartResult>,
  tried: readonly { readonly part: string; readonly name: string }[]
): void {
  const kept = keptResults()
  const commit = commitNow()
  for (const [part, { failed, seen, slowest }] of parts) {
    const old = kept[part]
    if (!old) continue
    const names = tried.filter((one) => one.part === part).map(({ name }) => name)
    const others = old.failed.filter((text) => !names.some((name) => text.startsWith(`${name}: `)))
    const again = [...(old.again ?? []), ...names.map((name) => ({ name, commit }))]
    kept[part] = {
      ...old,
      failed: [...others, ...failed],
      seen: sums(old.seen, seen),
      slowest: Math.max(old.slowest, slowest),
      again
    }
  }
  write(kept)
}

function sums(a: PartResult['seen'], b: PartResult['seen']): PartResult['seen'] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]))
}

function keptResults(): Record<string, Kept> {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

function commitNow(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root }).toString().trim()
}

function write(kept: Readonly<Record<string, Kept>>): void {
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`)
  writePage()
}
