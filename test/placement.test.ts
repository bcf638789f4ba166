// One net over several devices: the numbers of one device, exchanged where layers see everything and nowhere else.
import t from 'tap'
import { type Device, open } from '../lib/device.ts'
import { type BuildOptions, shapes } from '../lib/index.ts'
import { alexnet } from '../lib/nets/alexnet.ts'
import type { Snapshot } from '../lib/train.ts'
import { distance, run, seed, weights } from './courses.ts'

const size = 67
const input = { channels: 3, height: size, width: size }
const definition = alexnet({ classes: 10, width: 1 / 8, input, init: 'he' })
const set = shapes({ channels: 3, size, train: 40, seed }).train
const rates = { lr: 1e-3, momentum: 0.9, weightDecay: 5e-4 }

/** Opens devices for as long as a function needs them. */
async function on<T>(
  names: readonly string[],
  work: (devices: readonly Device[]) => Promise<T>
): Promise<T> {
  const devices: Device[] = []
  try {
    for (const name of names) devices.push(await open(name, { threads: 1 }))
    return await work(devices)
  } finally {
    for (const device of devices) await device.close()
  }
}

interface Course extends Partial<BuildOptions> {
  readonly steps?: number
  readonly from?: Snapshot | undefined
}

/** Losses and weights of a run on these devices, and its state. */
function course(names: readonly string[], { steps = 20, from, ...options }: Course = {}) {
  return on(names, async (devices) => {
    await using net = await definition.build(devices, { batch: 4, seed, ...options })
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const start = await weights(net)
    const losses = await run(net, set, { ...rates, steps, from, checkpoint: { save } })
    return { start, losses, weights: await weights(net), saved }
  })
}

const off = (losses: readonly number[], expected: readonly number[]) =>
  Math.max(...expected.map((loss, i) => Math.abs((losses[i] ?? Number.NaN) / loss - 1)))

const alone = await course(['cpu'])

t.test('two devices give the numbers of one', async (t) => {
  const two = await course(['cpu:0', 'cpu:1'])
  t.equal(distance(two.start, alone.start), 0, 'they begin alike, bit for bit')
  t.ok(distance(alone.weights, alone.start) > 1e-2, 'and learn')
  t.ok(off(two.losses, alone.losses) < 1e-5, `losses ${off(two.losses, alone.losses)} off`)
  t.ok(distance(two.weights, alone.weights) < 1e-4, 'weights')
})

t.test('a run goes on on other devices', async (t) => {
  for (const [before, after] of [
    [['cpu'], ['cpu:0', 'cpu:1']],
    [['cpu:0', 'cpu:1'], ['cpu']]
  ] as const) {
    const first = await course(before, { steps: 8 })
    const rest = await course(after, { steps: 20, from: first.saved })
    t.ok(off([...first.losses, ...rest.losses], alone.losses) < 1e-5, `${before} to ${after}`)
    t.ok(distance(rest.weights, alone.weights) < 1e-4)
  }
})
