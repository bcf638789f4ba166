// Snapshots by time: one in ten minutes unless told otherwise, and they change no number.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { CheckpointOptions } from '../lib/training/options.ts'
import { type Snapshot, train } from '../lib/training/train.ts'
import { distance, rates, seed, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

/** Trains for six steps, the third of which takes so many seconds; tells which were saved. */
async function course(seconds: number, checkpoint: Omit<CheckpointOptions, 'save'>) {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const saved: number[] = []
  const save = ({ state }: Snapshot) => void saved.push(state.step)
  const { now } = performance
  try {
    const options = { ...rates, seed, steps: 6, checkpoint: { ...checkpoint, save } }
    for await (const { step } of train(net, smallSet(20), options)) {
      if (step === 3) performance.now = () => now.call(performance) + seconds * 1000
    }
  } finally {
    performance.now = now
  }
  return { saved, weights: await weights(net) }
}

t.test('a snapshot in ten minutes, unless told otherwise', async (t) => {
  const plain = await course(0, {})
  t.strictSame(plain.saved, [6], 'the last step')
  const late = await course(601, {})
  // The fourth was queued before the third was done.
  t.strictSame(late.saved, [4, 6])
  t.equal(distance(late.weights, plain.weights), 0, 'the numbers are the same')
  t.strictSame((await course(598, {})).saved, [6])
  t.strictSame((await course(601, { every: 5 })).saved, [5, 6], 'a number of steps is no time')
  t.strictSame(
    (await course(61, { every: 5, seconds: 60 })).saved,
    [4, 5, 6],
    'unless both are given'
  )
  t.strictSame((await course(1e6, { seconds: 1e9 })).saved, [6])
  const each = await course(0, { seconds: 0 })
  t.strictSame(each.saved, [1, 2, 3, 4, 5, 6])
  t.equal(distance(each.weights, plain.weights), 0)
})
