// What the progress line says of images that come too slowly, and what mends that.
import t from 'tap'
import { Waiting } from '../lib/cli/train/waiting.ts'

t.test('a net that sets the pace', async (t) => {
  const waiting = new Waiting()
  // Before the first step nothing could be read ahead: that wait tells nothing.
  waiting.add({ waited: 5 }, 5)
  for (let i = 0; i < 100; i++) {
    waiting.add({ waited: 0.005 }, 0.1)
    t.equal(waiting.advice(), undefined)
  }
  t.equal(waiting.text, '')
})

t.test('a loader that sets the pace', async (t) => {
  const waiting = new Waiting()
  const advice: string[] = []
  for (let i = 0; i < 50; i++) {
    waiting.add({ waited: 0.04 }, 0.1)
    const said = waiting.advice()
    if (said !== undefined) advice.push(`${i + 1}: ${said}`)
  }
  t.equal(waiting.text, '  loader-bound 40 %')
  t.equal(advice.length, 1, 'said once, when the first steps are past')
  t.match(advice[0], /^20: The device waits 39 % of the time for images: .*--store raw.*--workers/)
  for (let i = 0; i < 50; i++) waiting.add({ waited: 0 }, 0.1)
  t.equal(waiting.text, '', 'and no longer said when it is over')
})

t.test('other processes: always told, and their wait is none for images', async (t) => {
  const waiting = new Waiting()
  for (let i = 0; i < 50; i++) waiting.add({ waited: 0, waitedForRanks: 0 }, 0.1)
  t.equal(waiting.text, '  waiting 0 %')
  for (let i = 0; i < 50; i++) waiting.add({ waited: 0, waitedForRanks: 0.03 }, 0.1)
  t.equal(waiting.text, '  waiting 30 %')
  t.equal(waiting.advice(), undefined)
})
