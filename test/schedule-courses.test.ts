// Parameters that are trained each in their own way: factors on rate and decay, and freezing.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { type Course, type Courses, constant, step } from '../lib/optim/schedule.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { distance, type Weights, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

const set = smallSet(32)

/** What training changes, by parameter. */
async function changes(net: Net, options: Omit<TrainOptions, 'lr'> & { lr?: number }) {
  const before = await weights(net)
  for await (const _ of train(net, set, { lr: 0.01, ...options }));
  const after = await weights(net)
  return (name: string): number[] => {
    const old = before.get(name)?.data ?? []
    return Array.from(after.get(name)?.data ?? [], (value, i) => value - (old[i] ?? Number.NaN))
  }
}

/** One course for each kind of parameter. */
function byKind(kinds: Readonly<Record<string, Course>>): Courses {
  const usual = {}
  return ({ kind }) => kinds[kind] ?? usual
}

async function build(seed = 3): Promise<Net> {
  const device = await open('cpu', { threads: 1 })
  t.teardown(() => device.close())
  return smallNet().build(device, { batch: 8, seed })
}

t.test('a first step goes as far as its rate says', async (t) => {
  const plain = await changes(await build(), { steps: 1 })
  const courses = byKind({ bias: { rate: () => 2 }, weight: { rate: () => 0.5 } })
  const own = await changes(await build(), { steps: 1, courses })
  for (const [kind, factor] of [
    ['bias', 2],
    ['weight', 0.5]
  ] as const) {
    const expected = plain(`conv1.${kind}`)
    const got = own(`conv1.${kind}`)
    t.ok(expected.some((change) => Math.abs(change) > 1e-5))
    for (const [i, change] of got.entries()) {
      t.ok(Math.abs(change - factor * (expected[i] ?? Number.NaN)) < 1e-6, `${kind} ${i}`)
    }
  }
})

t.test('decay goes by its course, too', async (t) => {
  const optimizer = () => sgd({ weightDecay: 10 })
  const without = await changes(await build(), { steps: 1, optimizer: sgd() })
  const courses = byKind({ weight: { decay: () => 0 } })
  const own = await changes(await build(), { steps: 1, optimizer: optimizer(), courses })
  t.equal(String(own('conv1.weight')), String(without('conv1.weight')))
  const all = await changes(await build(), { steps: 1, optimizer: optimizer() })
  t.not(String(all('conv1.weight')), String(without('conv1.weight')))
})

for (const form of ['paper', 'pytorch'] as const) {
  t.test(`a layer that is frozen stands still at once: ${form}`, async (t) => {
    const net = await build()
    const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-3, form })
    const frozen = { rate: step({ at: [1], factor: 0 }) }
    const courses: Courses = ({ layer }) => (layer === 'conv1' ? frozen : usual)
    const usual = { rate: constant() }
    const snapshots: Weights[] = []
    const save = ({ weights }: { weights: Weights }) => void snapshots.push(weights)
    const options = { optimizer, courses, lr: 0.01, epochs: 2, checkpoint: { every: 4, save } }
    for await (const _ of train(net, set, options));
    const [one, two] = snapshots
    t.ok(one && two && distance(two, one) > 0)
    for (const name of ['conv1.weight', 'conv1.bias']) {
      const [before, after] = [one, two].map((all) => String(all?.get(name)?.data))
      t.equal(after, before, name)
    }
  })
}
