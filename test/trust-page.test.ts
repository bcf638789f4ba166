// docs/trust.md shows what the campaigns kept, and how a failure would look there.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { table, withTable } from './campaigns/page.ts'

t.test('the page is made of the results', async (t) => {
  const text = readFileSync('docs/trust.md', 'utf8')
  t.equal(text, withTable(text, table()))
})

t.test('rows', async (t) => {
  const folder = t.testdir()
  const write = (name: string, value: unknown) =>
    writeFileSync(join(folder, name), JSON.stringify(value))
  const day = { date: '2026-11-30', seed: 1, seconds: 2 }
  write('readers.json', { ...day, cases: 12345, failures: ['one', 'two'] })
  write('chaos.json', { kills: { ...day, cases: 200, failed: [] } })
  t.match(table(folder), '| `npm run fuzz -- readers` | 12,345 | 2 | 2026-11-30 |')
  t.match(table(folder), '| `npm run chaos`: kills | 200 | 0 | 2026-11-30 |')
  const stage = (status: string) => ({ name: status, status })
  const stages = ['passed', 'failed', 'passed', 'not run'].map(stage)
  write('sanitize.json', { campaign: 'sanitize', ...day, stages })
  t.match(table(folder), '| `npm run sanitize` | 3 stages, 1 not run | 1 | 2026-11-30 |')
  write('chaos.json', { kills: { cases: 200 } })
  t.throws(() => table(folder), /chaos\.json, kills: expected date, cases and failed/)
  write('other.json', {})
  t.throws(() => table(folder), /no command is known for other\.json/)
})
