// The share of a step for which a device waits for other processes.
import t from 'tap'
import { objects } from './programs.ts'
import { gloo as skip, startRanks } from './ranks.ts'

/** By rank: the median share. */
async function shares(how: string, count = 2): Promise<(number | undefined)[]> {
  const all = await startRanks(count, 'test/group-waiting.ts', [how])
  const ended = await Promise.all(all.map(({ ended }) => ended))
  return ended.map(({ code, out, err }) => {
    if (code !== 0) throw new Error(err)
    const share = objects(out)[0]?.share
    return typeof share === 'number' ? share : undefined
  })
}

t.test('a process alone waits for nobody', async (t) => {
  t.strictSame(await shares('equal', 1), [undefined])
})

t.test('equal ranks hardly wait; of unequal ones, the faster does', { skip }, async (t) => {
  const [one = 1, other = 1] = await shares('equal')
  t.ok(one < 0.25 && other < 0.25, `${one}, ${other}`)
  // The slower one computes and sleeps; the faster one has nothing to do meanwhile.
  for (const how of ['body', 'images']) {
    const [fast = 0, slow = 1] = await shares(how)
    t.ok(fast > 0.5 && slow < 0.25, `${how}: ${fast}, ${slow}`)
  }
})
