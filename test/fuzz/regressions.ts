/** Failing cases, kept in test/regressions/: one file of JSON each. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from './report.ts'

const root = join(import.meta.dirname, '../regressions')

/** A case that failed once. */
export interface Regression {
  /** Its file. */
  readonly file: string
  /** What went wrong then. */
  readonly what: string
  /** The case, as its campaign writes it. */
  readonly input: unknown
}

/** Keeps the failing cases of a campaign. Returns their files. */
export function keepFailures({ campaign, failures }: Report): string[] {
  const folder = join(root, campaign)
  mkdirSync(folder, { recursive: true })
  return failures.map(({ input, what }) => {
    const name = createHash('sha256').update(input).digest('hex').slice(0, 12)
    const file = join(folder, `${name}.json`)
    writeFileSync(file, `${JSON.stringify({ what, input: JSON.parse(input) }, null, 2)}\n`)
    return file
  })
}

/** The cases of a campaign that are kept. */
export function keptFailures(campaign: string): Regression[] {
  const folder = join(root, campaign)
  const names = readdirSync(root).includes(campaign) ? readdirSync(folder) : []
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const { what, input }: { what: string; input: unknown } = JSON.parse(
        readFileSync(join(folder, name), 'utf8')
      )
      return { file: name, what, input }
    })
}
