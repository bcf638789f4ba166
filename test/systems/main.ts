/**
 * Tries the packed package where users are: each version of Node, package managers, bundlers, runtimes.
 *
 *   npm run test:systems                 all of it, which takes many minutes
 *   npm run test:systems -- pnpm yarn    what has one of these words in its line
 *   npm run test:systems -- --list       the lines
 *   npm run test:systems -- --keep       records the results in docs/systems.json and docs/systems.md
 */
import { optionsOf } from '../../bench/options.ts'
import { chosenBy } from './options.ts'
import { inPlace, nodeBinary, pack } from './place.ts'
import { record, thisSystem } from './record.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const { values, positionals } = optionsOf({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false }
  }
})
const text = ({ group, tool, node, what }: Scenario) =>
  `${group}: ${tool}${node ? ` on Node ${node}` : ''}: ${what}`
const chosen = chosenBy(positionals, scenarios, text)

if (values.list) {
  for (const scenario of chosen) console.log(text(scenario))
  process.exit()
}
const { keep } = values
// By way of `exit`, which ends the programs that are under way.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const tarball = pack()
const count = { passed: 0, failed: 0, skipped: 0 }
for (const scenario of chosen) {
  const reason = scenario.skip?.()
  if (reason) {
    count.skipped++
    console.log(`skipped  ${text(scenario)} (${reason})`)
    continue
  }
  const start = performance.now()
  let passed: true | string = true
  try {
    await nodeBinary(scenario.node) // its download is no part of the time
    await inPlace(tarball, scenario.node, scenario.run)
    count.passed++
  } catch (error) {
    passed = error instanceof Error ? error.message : String(error)
    count.failed++
  }
  const seconds = Number(((performance.now() - start) / 1000).toFixed(1))
  console.log(`${passed === true ? 'passed ' : 'FAILED '}  ${text(scenario)} (${seconds} s)`)
  if (passed !== true) console.log(passed.replaceAll(/^/gm, '         '))
  if (keep) {
    const { group, tool, what, node = process.versions.node } = scenario
    const date = new Date().toISOString().slice(0, 10)
    record({ group, system: thisSystem(), node, tool, what, passed, date, seconds })
  }
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0
