/** docs/systems.md says what docs/systems.json holds, and nothing that failed is kept quiet. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { asPage, type Result, results, withResult } from './systems/record.ts'
import { scenarios } from './systems/scenarios.ts'

t.test('the page is made of the results', async (t) => {
  t.equal(readFileSync('docs/systems.md', 'utf8'), asPage(results()))
})

t.test('what is shown', async (t) => {
  const result: Result = {
    group: 'Bundlers',
    system: 'Debian 12, x64',
    node: '24.1.0',
    tool: 'rollup 4.0',
    what: 'a | b',
    passed: true,
    date: '2026-11-30',
    seconds: 1
  }
  t.match(asPage([result]), '| rollup 4.0 | Node 24.1.0 | Debian 12, x64 | a \\| b | 2026-11-30 |')
  const failed: Result = { ...result, passed: 'it ended with 1:\nmore' }
  t.match(asPage([failed]), '| FAILS: a \\| b: it ended with 1: |')
})

t.test('each line is kept beside the others, and in the place of its older one', async (t) => {
  const run = { system: 'here', passed: true, date: '2026-11-30', seconds: 1 } as const
  const result = (tool: string, node: string): Result => ({
    group: 'Bundlers',
    what: 'it bundles',
    tool,
    node,
    ...run
  })
  const old = result('rollup 4.0', '24.1.0')
  const added = (tool: string, node: string) => withResult([old], result(tool, node))
  t.strictSame(added('rollup 4.1.2', '24.2.0'), [result('rollup 4.1.2', '24.2.0')])
  t.equal(added('rollup 5.0', '24.1.0').length, 2)
  t.equal(added('rollup 4.0', '26.1.0').length, 2)

  let all: readonly Result[] = []
  for (const { group, tool, what, node = process.versions.node } of scenarios) {
    all = withResult(all, { group, node, tool, what, ...run })
  }
  t.equal(all.length, scenarios.length)
})
