// How training draws images: each once an epoch, across the end of epochs, or with replacement.
import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import { sample } from '../lib/data/sample.ts'
import { open } from '../lib/engine/device.ts'
import { ImageOrder, type ImageOrderOptions } from '../lib/training/loop/image-order.ts'
import type { Sampling } from '../lib/training/loop/sampling.ts'
import type { Snapshot } from '../lib/training/loop/train-state.ts'
import { type Step, train } from '../lib/training/train.ts'
import { permutation } from '../lib/util/random.ts'
import { distance, run, seed, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

const across: Sampling = { form: 'permutation', across: true }
const replacement = (group: number): Sampling => ({ form: 'replacement', group })

/** The next batches. */
const take = (order: ImageOrder, count: number) =>
  Array.from({ length: count }, () => Array.from(order.next()))

const inOrder = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)

t.test('each image once an epoch', async (t) => {
  const order = new ImageOrder({ length: 10, batch: 4, seed })
  t.strictSame([order.epochLength, order.perEpoch], [10, 3])
  const found = take(order, 6)
  t.strictSame(
    found.map(({ length }) => length),
    [4, 4, 2, 4, 4, 2]
  )
  const epochs = [0, 1].map((epoch) => Array.from(permutation(10, seed, epoch)))
  t.strictSame(found.flat(), epochs.flat())
})

t.test('batches across the end of epochs', async (t) => {
  const order = new ImageOrder({ length: 10, batch: 4, seed, sampling: across })
  t.strictSame([order.epochLength, order.perEpoch], [10, 2.5])
  const places: unknown[] = []
  const found = Array.from({ length: 5 }, () => {
    t.strictSame(order.peek(), order.peek())
    const numbers = Array.from(order.next())
    places.push([order.state.epoch, order.state.position, order.epochEnds])
    return numbers
  })
  const epochs = [0, 1].map((epoch) => Array.from(permutation(10, seed, epoch)))
  t.strictSame(found.flat(), epochs.flat())
  t.strictSame(places, [
    [0, 4, false],
    [0, 8, false],
    [1, 2, true],
    [1, 6, false],
    [2, 0, true]
  ])
  const small = new ImageOrder({ length: 3, batch: 7, seed, sampling: across })
  const many = take(small, 3)
  const three = (epoch: number) => Array.from(permutation(3, seed, epoch))
  t.strictSame(many.flat(), [0, 1, 2, 3, 4, 5, 6].flatMap(three))
})

t.test('with replacement, in groups', async (t) => {
  const options = { length: 1000, batch: 32, seed, sampling: replacement(128) }
  const order = new ImageOrder(options)
  // Seven groups of 128 fit 1,000 images.
  t.strictSame([order.epochLength, order.perEpoch], [896, 28])
  const found = take(order, 28)
  t.ok(found.every(({ length }) => length === 32))
  t.match(order.state, { epoch: 1, position: 0 })
  t.ok(order.epochEnds)
  const different = new Set(found.flat()).size / 1000
  // Of n images, 1 - (1 - 1/n)^m are drawn at least once in m draws.
  const expected = 1 - (1 - 1 / 1000) ** 896
  t.ok(Math.abs(different - expected) < 0.03, `${different}, expected ${expected}`)
  t.ok(found.flat().every((index) => index >= 0 && index < 1000))
  const other = take(new ImageOrder({ ...options, seed: seed + 1 }), 28)
  t.notSame(other, found)
  t.notSame(take(order, 28), found, 'the next epoch has draws of its own')

  // The batch decides how a group is cut, not what is in it.
  const whole = take(new ImageOrder({ ...options, batch: 128 }), 7)
  t.strictSame(whole.flat(), found.flat())
  const cut = new ImageOrder({ ...options, batch: 48 })
  t.strictSame(
    take(cut, 3).map(({ length }) => length),
    [48, 48, 32]
  )
  t.equal(cut.perEpoch, 21)
  const few = new ImageOrder({ length: 5, batch: 2, seed, sampling: replacement(8) })
  t.strictSame([few.epochLength, few.perEpoch], [8, 4], 'an epoch has one group at least')
})

t.test('an order goes on from any place', (t) => {
  const cases: readonly Omit<ImageOrderOptions, 'seed'>[] = [
    { length: 10, batch: 4 },
    { length: 10, batch: 4, sampling: across },
    { length: 3, batch: 7, sampling: across },
    { length: 20, batch: 3, sampling: replacement(8) }
  ]
  for (const options of cases) {
    const order = new ImageOrder({ ...options, seed })
    for (let step = 0; step < 12; step++) {
      const { state: from } = order
      const resumed = new ImageOrder({ ...options, seed, from })
      const skipped = new ImageOrder({ ...options, seed })
      skipped.skip(step)
      const next = order.next()
      const name = `${JSON.stringify(options)} at ${step}`
      t.strictSame(resumed.next(), next, name)
      t.strictSame(skipped.next(), next, `${name}, skipped to`)
      t.strictSame(skipped.state, order.state)
    }
  }
  t.end()
})

t.test('training draws so, and goes on bit for bit', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  const set = smallSet(10)
  const cases = [
    { sampling: across, epochs: 2, counts: [4, 4, 4, 4, 4] },
    { sampling: replacement(8), epochs: 3, counts: [4, 4, 4, 4, 4, 4] },
    { sampling: replacement(6), epochs: 2, counts: [4, 2, 4, 2] }
  ]
  for (const { sampling, epochs, counts } of cases) {
    await using whole = await smallNet().build(device, { batch: 4, seed })
    const steps: Step[] = []
    const snapshots: Snapshot[] = []
    const save = (snapshot: Snapshot) => void snapshots.push(snapshot)
    const options = { ...sgdRates, seed, sampling, epochs }
    const checkpoint = { every: 2, save }
    for await (const step of train(whole, set, { ...options, checkpoint })) steps.push(step)
    t.strictSame(
      steps.map(({ images }) => images),
      counts,
      JSON.stringify(sampling)
    )
    t.equal(steps.at(-1)?.epoch, epochs)
    const [from] = snapshots
    if (!from) return t.fail('no snapshot')
    t.equal(from.state.step, 2)
    await using resumed = await smallNet().build(device, { batch: 4, seed: seed + 1 })
    const losses = await run(resumed, set, { sampling, epochs, from })
    t.strictSame(
      losses,
      steps.slice(2).map(({ loss }) => loss)
    )
    t.equal(distance(await weights(resumed), await weights(whole)), 0)
  }
})

t.test('a sample of a set', async (t) => {
  const labels = Uint8Array.from({ length: 50 }, (_, i) => i)
  const classes = Array.from(labels, String)
  const set = arrayImageSet({ images: labels.slice(), labels, height: 1, width: 1, classes })
  const drawnFrom = async (count: number, of: number) => {
    const part = sample(set, count, of)
    t.equal(part.length, count)
    const found = new Int32Array(count)
    const bytes = new Uint8Array(count)
    await part.read(
      Uint32Array.from({ length: count }, (_, i) => i),
      bytes,
      found
    )
    t.strictSame(Array.from(bytes), Array.from(found), 'each image with its label')
    return Array.from(found)
  }
  const one = await drawnFrom(200, 1)
  t.strictSame(await drawnFrom(200, 1), one)
  t.notSame(inOrder(await drawnFrom(200, 2)), inOrder(one))
  t.ok(new Set(one).size > 45)
})

t.test('what cannot be drawn', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await smallNet().build(device, { batch: 4, seed })
  const wrong: readonly [Sampling, RegExp][] = [
    [replacement(0), /sampling\.group: expected a whole number from 1, got 0/],
    [replacement(0.5), /sampling\.group: expected a whole number from 1, got 0\.5/],
    [JSON.parse('{ "form": "replacement" }'), /sampling\.group: expected a whole number from 1/],
    [JSON.parse('{ "form": "bag" }'), /sampling\.form: expected 'permutation' or 'replacement'/],
    [
      JSON.parse('{ "form": "permutation", "group": 8 }'),
      /sampling\.group: expected none with form 'permutation', got 8/
    ],
    [
      JSON.parse('{ "form": "replacement", "group": 8, "across": true }'),
      /sampling\.across: expected none with form 'replacement', got true/
    ]
  ]
  for (const [sampling, message] of wrong) {
    await t.rejects(run(net, smallSet(8), { sampling }), message)
  }
})
