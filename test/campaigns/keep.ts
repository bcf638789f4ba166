/** Keeps the result of a campaign of `npm run fuzz`, and writes docs/trust.md anew. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '../fuzz/report.ts'
import { writePage } from './page.ts'

export function keepReport({ campaign, seed, cases, seconds, failures }: Report): void {
  const result = {
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    seed,
    cases,
    seconds,
    failures: failures.map(({ what }) => what)
  }
  const file = join(import.meta.dirname, 'kept', `${campaign}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  writePage()
}
