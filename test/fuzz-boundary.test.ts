// Calls that no program should make, drawn: a short run of the campaign `boundary`, and what it once found.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { draw } from './fuzz/boundary/draw.ts'
import { boundary, replayBoundary } from './fuzz/boundary.ts'

t.test('ten seconds of calls', async (t) => {
  const report = await boundary({ seconds: 10, seed: 1, log: (line) => t.comment(line) })
  t.ok(report.cases > 10, `${report.cases} cases`)
  t.same(report.failures, [])
})

t.test('the same seed draws the same cases', async (t) => {
  const cases = (seed: number) => Array.from({ length: 50 }, (_, i) => draw(seed, i))
  t.same(cases(7), cases(7))
  t.not(JSON.stringify(cases(7)), JSON.stringify(cases(8)))
})

t.test('what failed once', async (t) => {
  const folder = join(import.meta.dirname, 'regressions/boundary')
  const files = existsSync(folder) ? readdirSync(folder) : []
  const inputs = files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')).input)
  const faults = await replayBoundary(inputs)
  for (const [i, file] of files.entries()) t.equal(faults[i], undefined, file)
})
