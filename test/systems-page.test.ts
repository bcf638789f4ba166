/** docs/systems.md says what docs/systems.json holds, and nothing that failed is kept quiet. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { asPage, type Result, results } from './systems/record.ts'

t.test('the page is made of the results', async (t) => {
  t.equal(readFileSync('docs/systems.md', 'utf8'), asPage(results()))
})

t.test('what is shown', async (t) => {
  const result: Result = {
    ...{ group: 'Bundlers', system: 'Debian 12, x64', node: '24.1.0', tool: 'rollup 4.0' },
    ...{ what: 'a | b', passed: true, date: '2026-11-30', seconds: 1 }
  }
  t.match(asPage([result]), '| rollup 4.0 | Node 24.1.0 | Debian 12, x64 | a \\| b | 2026-11-30 |')
  const failed: Result = { ...result, passed: 'it ended with 1:\nmore' }
  t.match(asPage([failed]), '| FAILS: a \\| b: it ended with 1: |')
})
