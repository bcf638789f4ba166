// Cases that a campaign of `npm run fuzz` once found, each as small as it could be made: none fails again.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { campaigns } from './fuzz/campaigns.ts'
import { keptFailures } from './fuzz/regressions.ts'

t.test('every folder is that of a campaign', async (t) => {
  const folders = readdirSync(join(import.meta.dirname, 'regressions'))
  t.strictSame(
    folders.filter((name) => !Object.hasOwn(campaigns, name)),
    []
  )
})

for (const [name, { skip, replay }] of Object.entries(campaigns)) {
  t.test(name, { skip: skip ?? false }, async (t) => {
    const kept = keptFailures(name)
    const ends = await replay(kept.map(({ input }) => input))
    for (const [i, { file, what }] of kept.entries())
      t.equal(ends[i], undefined, `${file}: ${what}`)
    t.equal(ends.length, kept.length)
  })
}
