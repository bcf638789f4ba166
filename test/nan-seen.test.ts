// What is not a number is seen: NaN in one weight reaches the loss whatever computes the layer, never counts as
// right, and is never the best. And what cannot be trained on is refused or left out with a word.
import t, { type Test } from 'tap'
import { open } from '../lib/engine/device.ts'
import { add, avgPool, batchNorm, conv2d, defineNet, dense, flatten, relu } from '../lib/index.ts'
import type { Net } from '../lib/net/net.ts'
import { plateau } from '../lib/optim/schedule.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { NonFiniteError, type Snapshot, train, type Validation } from '../lib/training/train.ts'
import { upTo } from '../lib/use/cut.ts'
import { smallSet } from './small-net.ts'

const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())
const set = smallSet(32)
const input = { channels: 1, height: 28, width: 28 }

/** Puts a NaN into the first weight of a layer. */
async function spoil(net: Net, layer: string, what = 'weight'): Promise<void> {
  const { parameters, stream } = net
  const weights = await parameters.export(stream)
  const own = weights.get(`${layer}.${what}`)
  if (!own) throw new Error(`${layer} has no weights among ${[...weights.keys()]}`)
  own.data[0] = Number.NaN
  await parameters.import(stream, weights)
}

const plain = defineNet({
  name: 'plain',
  input,
  layers: [flatten(), dense({ name: 'fc', units: 10 })]
})

t.test('a NaN weight before a ReLU is found, and its layer named', async (t) => {
  const layers = {
    '3×3': () => conv2d({ name: 'own', filters: 16, size: 3, stride: 2 }),
    '1×1': () => conv2d({ name: 'own', filters: 16, size: 1 }),
    depthwise: () => conv2d({ name: 'own', filters: 16, size: 3, groups: 16 })
  }
  const rest = () => [avgPool({ size: 4 }), flatten(), dense({ units: 10 })]
  for (const [what, layer] of Object.entries(layers)) {
    const first = conv2d({ filters: 16, size: 3, stride: 2 })
    const spatial = defineNet({ name: 'net', input, layers: [first, layer(), relu(), ...rest()] })
    for (const dtype of ['f32', 'bf16'] as const)
      for (const fuse of [true, false]) await found(t, spatial, { what, dtype, fuse })
  }
  const both = [flatten(), dense({ name: 'own', units: 32 }), relu(), dense({ units: 10 })]
  const wide = defineNet({ name: 'net', input, layers: both })
  for (const dtype of ['f32', 'bf16'] as const) {
    for (const fuse of [true, false]) await found(t, wide, { what: 'dense', dtype, fuse })
  }
})

async function found(
  t: Test,
  definition: typeof plain,
  { what, dtype, fuse }: { what: string; dtype: 'f32' | 'bf16'; fuse: boolean }
): Promise<void> {
  await using net = await definition.build(device, { batch: 16, dtype, fuse })
  await spoil(net, 'own')
  let caught: unknown
  try {
    for await (const _ of train(net, set, { lr: 0.01, steps: 1 }));
  } catch (error) {
    caught = error
  }
  const layer = caught instanceof NonFiniteError ? caught.layer : caught
  t.equal(layer, 'own', `${what}, ${dtype}, ${fuse ? 'fused' : 'not fused'}`)
}

t.test('NaN is no hit, and evaluate counts it', async (t) => {
  await using net = await plain.build(device, { batch: 8 })
  t.equal((await evaluate(net, set)).notFinite, 0)
  await spoil(net, 'fc')
  for (const views of [1, 10] as const) {
    const fit = views === 10 ? { input: { fit: 'crop' as const } } : {}
    const { top1, top5, loss, notFinite } = await evaluate(net, set, { views, ...fit })
    t.strictSame([top1, top5, loss, notFinite], [0, 0, Number.NaN, 32], `${views} views`)
  }
})

t.test('NaN is never the best, and patience and plateau go on', async (t) => {
  // Training takes the statistics of its batches, validation the running ones.
  const layers = [batchNorm({ name: 'norm' }), flatten(), dense({ units: 10 })]
  const normed = defineNet({ name: 'net', input, layers })
  await using net = await normed.build(device, { batch: 8 })
  await spoil(net, 'norm', 'running_var')
  const validations: Validation[] = []
  const saved: Snapshot[] = []
  const schedule = plateau({ patience: 2, factor: 0.5 })
  const all = train(net, set, {
    lr: 0.001,
    steps: 20,
    schedule,
    validation: {
      set,
      every: 1,
      patience: 3,
      onResult: (validation) => void validations.push(validation)
    },
    checkpoint: { save: (snapshot) => void saved.push(snapshot) }
  })
  const trained = async () => {
    for await (const _ of all);
  }
  await t.rejects(trained, { message: /norm\.running_var has a value of NaN/ })
  t.strictSame(
    validations.map(({ best, stops, factor }) => [best, stops, factor]),
    [
      [false, false, 1],
      [false, false, 0.5],
      [false, true, 0.5]
    ]
  )
  t.equal(saved.length, 0, 'no best, and the last is not saved')
  t.equal(saved[0]?.state.validation?.best, undefined)
})

t.test('layers that nothing reads are refused with their names', async (t) => {
  const layers = [
    conv2d({ name: 'aside', filters: 4, size: 3 }),
    relu({ name: 'further' }),
    flatten({ inputs: ['input'] }),
    dense({ units: 10 })
  ]
  t.throws(() => defineNet({ name: 'net', input, layers }), {
    message: /\[net\] net: the output does not depend on layers 'aside', 'further': expected/
  })
  const branches = defineNet({
    name: 'net',
    input,
    layers: [
      flatten({ name: 'flat' }),
      dense({ name: 'a', units: 8 }),
      dense({ name: 'b', units: 10, inputs: ['flat'] }),
      dense({ name: 'c', units: 10, inputs: ['a'] }),
      add({ inputs: ['b', 'c'] })
    ]
  })
  const names = upTo(branches, 'b').layers.map(({ name }) => name)
  t.strictSame(names, ['flat', 'b', 'flatten2'], 'a cut net keeps what its layer reads')
})

t.test('batch norm over one value a channel', async (t) => {
  const layers = [flatten(), dense({ units: 8 }), batchNorm({ name: 'norm' }), dense({ units: 10 })]
  const definition = defineNet({ name: 'net', input, layers })
  await t.rejects(definition.build(device, { batch: 1 }), {
    message:
      /layer 'norm' \(batch_norm\).*expected two values a channel or more to train on, got one/
  })
  await using one = await definition.build(device, { batch: 1, training: false })
  t.equal(one.batch, 1, 'inference takes running statistics')
  const warnings: string[] = []
  const hear = ({ message }: Error) => void warnings.push(message)
  process.on('warning', hear)
  t.teardown(() => process.off('warning', hear))
  await using net = await definition.build(device, { batch: 8 })
  const images: number[] = []
  for await (const step of train(net, smallSet(17), { lr: 0.01, epochs: 2 })) {
    images.push(step.images)
  }
  t.strictSame(images, [8, 8, 8, 8], 'the seventeenth is left out')
  await new Promise((done) => setImmediate(done))
  t.match(warnings, [/one image is left over from batches of 8: each epoch leaves out as many/])
  images.length = 0
  for await (const step of train(net, smallSet(18), { lr: 0.01, epochs: 1 })) {
    images.push(step.images)
  }
  t.strictSame(images, [8, 8, 2], 'two are enough')
  const alone = train(net, smallSet(1), { lr: 0.01 })
  await t.rejects(alone.next(), { message: /one image is too few to train on: expected 2 or more/ })
})
