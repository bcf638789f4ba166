// Label smoothing in a run: what is reported and what is learnt, against the formula, and the tests without it.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { exportTensors } from '../lib/net/graph/public-tensors.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import type { Net } from '../lib/net/net.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { run, seed, sgdRates } from './courses.ts'
import { define, noise } from './noise.ts'

const definition = define([flatten(), dense({ name: 'fc', units: 3 })])
const set = noise(6)

/** Mean loss over all images and the bias's gradient, for a target of (1 - s) onehot + s / C. */
async function expected(net: Net, s: number) {
  const gradient = [0, 0, 0]
  let loss = 0
  const judged = { first: 0, labels: new Int32Array(), probabilities: new Float32Array() }
  await evaluate(net, set, { onBatch: (batch) => Object.assign(judged, batch) })
  const { labels, probabilities } = judged
  for (const [i, label] of labels.entries()) {
    for (const c of gradient.keys()) {
      const p = probabilities[3 * i + c] ?? Number.NaN
      const target = (c === label ? 1 - s : 0) + s / 3
      loss -= (target * Math.log(p)) / labels.length
      gradient[c] = (gradient[c] ?? 0) + (p - target) / labels.length
    }
  }
  return { loss, gradient }
}

t.test('the loss and its gradient are those of the smoothed target', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  for (const labelSmoothing of [0, 0.1, 0.6]) {
    await using net = await definition.build(device, { batch: 6, seed })
    const { loss, gradient } = await expected(net, labelSmoothing)
    const [found = 0] = await run(net, set, { steps: 1, lr: 0, labelSmoothing })
    t.ok(Math.abs(found / loss - 1) < 1e-5, `${found} is ${loss}`)
    const places = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
    const bias = (await exportTensors(net.stream, places)).get('fc.bias')?.data ?? []
    for (const [c, value] of gradient.entries()) {
      t.ok(Math.abs((bias[c] ?? Number.NaN) - value) < 1e-6)
    }
  }
})

t.test('it changes what is learnt, and not how it is judged', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const course = async (labelSmoothing?: number) => {
    await using net = await definition.build(device, { batch: 6, seed })
    const before = await evaluate(net, set)
    await run(net, set, { ...sgdRates, steps: 4, labelSmoothing })
    return { before: before.loss, after: (await evaluate(net, set)).loss }
  }
  const plain = await course()
  const smooth = await course(0.4)
  t.equal(smooth.before, plain.before)
  t.not(smooth.after, plain.after)
  t.same(await course(0), plain)
})

t.test('what is no share of a target', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await definition.build(device, { batch: 6 })
  for (const labelSmoothing of [-0.1, 1, Number.NaN]) {
    await t.rejects(
      run(net, set, { labelSmoothing }),
      /labelSmoothing: expected a number from 0 to below 1/
    )
  }
})
