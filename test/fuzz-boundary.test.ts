// How the campaign `boundary` draws its cases. Its short run is in fuzz.test.ts, what it once found in
// regressions.test.ts.
import t from 'tap'
import { draw } from './fuzz/boundary/draw.ts'

t.test('the same seed draws the same cases', async (t) => {
  const cases = (seed: number) => Array.from({ length: 50 }, (_, i) => draw(seed, i))
  t.same(cases(7), cases(7))
  t.not(JSON.stringify(cases(7)), JSON.stringify(cases(8)))
})
