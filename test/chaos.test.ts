// A short form of `npm run chaos`: kills, a full disk, wrong clocks, several processes in a folder, signals.
import { rmSync } from 'node:fs'
import t from 'tap'
import { prepareCampaign } from './campaigns/chaos/campaign.ts'

/** Seconds after which no further case is begun, but the first of each part. */
const SECONDS = 12

const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e6))
const size = { seed, kills: 15, rankKills: 2, everyCall: 40, rounds: 2, stages: 2 }
const { folder, cases, skipped } = await prepareCampaign(size)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
t.comment(`seed ${seed}: CHAOS_SEED=${seed} tries the same again`)
for (const why of skipped) t.comment(`skipped: ${why}`)

/** One case of each part in turn, so that a slow machine leaves out no part. */
const parts = [...new Set(cases.map(({ part }) => part))]
const inTurn = cases
  .map((one) => ({ one, turn: cases.filter(({ part }) => part === one.part).indexOf(one) }))
  .sort((a, b) => a.turn - b.turn)

const begun = performance.now()
let tried = 0
for (const { one, turn } of shuffledWithin(inTurn)) {
  if (turn > 0 && performance.now() - begun > SECONDS * 1000) break
  await t.resolves(one.run(), `${one.part}: ${one.name}`)
  tried++
}
t.ok(tried >= parts.length, `${tried} of ${cases.length} cases`)

/** The first of each part stay first; the others are in an order of the seed. */
function shuffledWithin<Item extends { readonly turn: number }>(items: readonly Item[]): Item[] {
  const first = items.filter(({ turn }) => turn === 0)
  const rest = items.filter(({ turn }) => turn > 0)
  const from = seed % Math.max(1, rest.length)
  return [...first, ...rest.slice(from), ...rest.slice(0, from)]
}
