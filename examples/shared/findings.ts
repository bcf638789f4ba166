/** Results of runs, kept in a file of JSON so that a later call goes on. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Variant } from './small-alexnet.ts'

/** The test error of one run. */
export interface Finding {
  readonly variant: Variant
  readonly seed: number
  readonly error: number
}

export interface Findings {
  has(variant: Variant, seed: number): boolean
  of(variant: Variant): readonly Finding[]
  /** Adds a result, and writes the file. */
  add(finding: Finding): void
}

/**
 * Opens a file of results, or starts one.
 *
 * @param setting what all runs have in common
 * @throws Error if the file is of runs with another setting
 */
export function kept(path: string, setting: object): Findings {
  const before: { setting: object; findings: Finding[] } = existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : { setting, findings: [] }
  if (JSON.stringify(before.setting) !== JSON.stringify(setting)) {
    throw new Error(
      `${path}: expected runs with ${JSON.stringify(setting)}, got ${JSON.stringify(before.setting)}: ` +
        'name another file with --out'
    )
  }
  const { findings } = before
  const of = (variant: Variant) => findings.filter((finding) => finding.variant === variant)
  return {
    has: (variant, seed) => of(variant).some((finding) => finding.seed === seed),
    of,
    add(finding) {
      findings.push(finding)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(`${path}.part`, `${JSON.stringify({ setting, findings }, null, 2)}\n`)
      renameSync(`${path}.part`, path)
    }
  }
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

/** The sample standard deviation. */
export function deviation(numbers: readonly number[]): number {
  const middle = mean(numbers)
  const squares = numbers.reduce((sum, number) => sum + (number - middle) ** 2, 0)
  return Math.sqrt(squares / (numbers.length - 1))
}
