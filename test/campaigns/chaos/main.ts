/**
 * Disturbs `alexnode` and looks at what is left: every end is equal, bit for bit, or an error in words.
 *
 *   npm run chaos                       all of it: half an hour
 *   npm run chaos -- --only signals     one part: kills, ranks, 'full disk', clock, 'two runs', signals
 *   npm run chaos -- --share 2/5        every fifth case, from the second on
 *   npm run chaos -- --again             the cases that the kept results name as failed
 *   npm run chaos -- --seed 7           other moments; the seed is printed
 *   npm run chaos -- --keep             records the results in test/campaigns/kept/chaos.json
 *
 * SIGKILL comes at random moments, also to one of several ranks, and within writes, the disk is full at every write, the
 * clock is set back, several processes work in one folder, and each command gets SIGINT, SIGTERM and SIGHUP at each stage.
 */
import { rmSync } from 'node:fs'
import { optionsOf } from '../../../bench/options.ts'
import { prepareCampaign, whole } from './campaign.ts'
import { keptFailures, type PartResult, record, recordAgain } from './record.ts'

const { values } = optionsOf({
  options: {
    only: { type: 'string' },
    share: { type: 'string', default: '1/1' },
    again: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
    keep: { type: 'boolean', default: false }
  }
})
const seed = Number(values.seed)
const [share = 1, shares = 1] = values.share.split('/').map(Number)
console.log(`seed ${seed}`)

const { folder, cases, skipped } = await prepareCampaign({ ...whole, seed }, values.only)
for (const what of skipped) console.log(`skipped: ${what}`)
const failedBefore = values.again ? keptFailures() : undefined
const chosen = cases
  .filter(({ part }) => values.only === undefined || part === values.only)
  .filter(({ part, name }) => failedBefore?.(part, name) ?? true)
  .filter((_, i) => i % shares === share - 1)
if (chosen.length === 0) throw new Error(`no case of '${values.only ?? 'all'}' is to be tried`)

const parts = new Map<string, PartResult>()
for (const one of chosen) {
  const begun = performance.now()
  const known = parts.get(one.part) ?? { cases: 0, failed: [], seen: {}, slowest: 0 }
  let { failed } = known
  const seen = { ...known.seen }
  let slowest = known.slowest
  try {
    for (const [name, value] of Object.entries(await one.run())) {
      if (name === 'milliseconds') slowest = Math.max(slowest, Math.round(value))
      else seen[name] = (seen[name] ?? 0) + value
    }
    console.log(`ok    ${one.part}: ${one.name}, ${Math.round(performance.now() - begun)} ms`)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    failed = [...failed, `${one.name}: ${text}`]
    console.log(`FAIL  ${one.part}: ${one.name}\n${text}`)
  }
  parts.set(one.part, { cases: known.cases + 1, failed, seen, slowest })
}
for (const [part, { cases, failed, seen, slowest }] of parts) {
  const figures = Object.entries(seen).map(([name, value]) => `${value} ${name}`)
  const longest = slowest > 0 ? [`${slowest} ms at most to end`] : []
  console.log(
    `${part}: ${cases} cases, ${[...figures, ...longest].join(', ')}, ${failed.length} failed`
  )
}
if (values.keep && values.again) recordAgain(parts, [...chosen])
else if (values.keep) record(parts, { seed, share, shares })
const failures = [...parts.values()].flatMap(({ failed }) => failed)
if (failures.length > 0) {
  console.log(`what they left is in ${folder}`)
  process.exitCode = 1
} else rmSync(folder, { recursive: true })
