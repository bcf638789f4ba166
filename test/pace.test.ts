// Runs that choose their own length, once they know how fast they are.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { fitSteps } from '../lib/training/loop/fit-steps.ts'
import { type Snapshot, train } from '../lib/training/train.ts'
import { smallNet, smallSet } from './small-net.ts'

t.test('fitSteps', async (t) => {
  const fit = fitSteps({ seconds: 150, batch: 16, test: 10_000 })
  t.equal(fit(50), Math.floor(((150 - 10_000 / 200) * 50) / 16))
  t.equal(fit(5), Math.floor((75 * 5) / 16), 'half of the time at least is for training')
  t.equal(fitSteps({ seconds: 1, batch: 128 })(1), 1, 'one step at least')
})

t.test('training chooses how many steps to make', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 8 })
  const set = smallSet(320)
  const paces: number[] = []
  const snapshots: Snapshot[] = []
  const totals: number[] = []
  const choose = (pace: number) => {
    paces.push(pace)
    return 22
  }
  const checkpoint = { every: 2, save: (snapshot: Snapshot) => void snapshots.push(snapshot) }
  for await (const step of train(net, set, { lr: 0.01, steps: choose, checkpoint })) {
    totals.push(step.steps)
  }
  t.equal(paces.length, 1)
  t.ok((paces[0] ?? 0) > 0)
  const expected = [...Array(15).fill(40), ...Array(7).fill(22)]
  t.strictSame(totals, expected, 'an epoch, until it knows better')
  t.equal(snapshots[0]?.state.steps, undefined)
  t.equal(snapshots.at(-1)?.state.steps, 22)

  const from = snapshots.find(({ state }) => state.step === 18)
  t.equal(from?.state.steps, 22)
  const again: number[] = []
  for await (const step of train(net, set, { lr: 0.01, steps: () => 30, from })) {
    again.push(step.steps)
  }
  t.strictSame(again, [22, 22, 22, 22], 'a run that goes on keeps what was chosen')

  let most = 0
  for await (const { steps } of train(net, set, { lr: 0.01, steps: () => 1e9 })) most = steps
  t.equal(most, 40, 'no more than an epoch')
  const wrong = train(net, set, { lr: 0.01, steps: () => Number.NaN })
  await t.rejects(async () => {
    for await (const _ of wrong);
  }, /steps, as chosen: expected a number from 0, got NaN/)
})
