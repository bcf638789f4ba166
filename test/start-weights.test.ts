// Weights that a program loads into a net: names of others, what does not fit, and rates by layer.
import { join } from 'node:path'
import t from 'tap'
import { cifar, loadWeights, open, saveWeights, torchvision } from '../lib/index.ts'
import type { Net } from '../lib/net/net.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { fitStart, openStart, startData } from '../lib/use/start.ts'
import { readSafetensors, type Tensors, writeSafetensors } from '../lib/util/files/safetensors.ts'
import { distance, run, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'
import { smallShapes } from './trained-run.ts'

const dir = t.testdir()
const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())

t.test('weights of others, as a program loads them', async (t) => {
  const definition = torchvision({
    width: 1 / 8,
    classes: 5,
    input: { channels: 3, height: 67, width: 67 }
  })
  await using net = await definition.build(device, { batch: 2, seed: 3 })
  const own = await weights(net)
  const names: Readonly<Record<string, string>> = {
    conv1: 'features.0',
    conv2: 'features.3',
    conv3: 'features.6',
    conv4: 'features.8',
    conv5: 'features.10',
    fc6: 'classifier.1',
    fc7: 'classifier.4',
    fc8: 'classifier.6'
  }
  const theirs: Record<string, Tensors[string]> = {}
  for (const [name, { shape, data }] of own) {
    const [layer = '', kind] = name.split('.')
    // bf16 keeps the upper half of a number.
    const halves = new Uint16Array(data.map((v) => v * 2).buffer).filter((_, i) => i % 2 === 1)
    theirs[`${names[layer]}.${kind}`] = {
      dtype: 'bf16',
      shape,
      data: new Uint8Array(halves.buffer)
    }
  }
  const path = join(dir, 'theirs.safetensors')
  await writeSafetensors(path, theirs)
  const far = (found: typeof own, name: string, factor: number) => {
    const [a, b] = [found.get(name)?.data ?? [], own.get(name)?.data ?? []]
    return Math.max(...b.map((value, i) => Math.abs((a[i] ?? Number.NaN) - factor * value)))
  }
  await loadWeights(net, path, { head: 'new' })
  const fresh = await weights(net)
  t.ok(far(fresh, 'conv3.weight', 2) < 0.01)
  t.equal(far(fresh, 'fc8.weight', 1), 0, 'the head is as it was built')
  await loadWeights(net, path)
  t.ok(far(await weights(net), 'fc8.weight', 2) < 0.01)

  const start = await openStart(path, 'torchvision')
  t.match(start, { of: 'torchvision', statistics: { mean: [0.485, 0.456, 0.406], height: 256 } })
  const found = await fitStart(start, definition, ['a', 'b', 'c', 'd', 'e'], new Set(['conv1']))
  t.equal(found.layers.length, 8)
  const { data, input } = startData(start, smallShapes(), definition.input)
  t.match(input, { fit: 'resize', flip: true, mean: 'channel', divide: 'std' })
  t.strictSame(
    [data.mean, data.train.std],
    [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225]
    ]
  )
  t.match(startData(start, { ...smallShapes(), train: smallSet(4) }, definition.input), {
    notes: ['The images have other channels: they are normed by their own mean.']
  })
})

t.test('weights that do not fit leave the net as it is', async (t) => {
  await using net = await cifar({ classes: 3, width: 1 / 8 }).build(device, { batch: 2 })
  await using four = await cifar({ classes: 4, width: 1 / 8 }).build(device, { batch: 2, seed: 2 })
  const before = await weights(net)
  const path = join(dir, 'four.safetensors')
  await saveWeights(four, path)
  await t.rejects(loadWeights(net, path), {
    message: `[weights] ${path}: expected the weights of cifar, all of them and no others, got none for layer fc8 (4 classes in the file, 3 here), and 2 more that do not fit`
  })
  const { tensors } = await readSafetensors(path)
  const more = join(dir, 'more.safetensors')
  const { 'fc8.bias': _, ...less } = tensors
  await writeSafetensors(more, less)
  await t.rejects(
    loadWeights(four, more),
    /got none for layer fc8 \(the file has no tensor for it\)/
  )
  t.equal(distance(await weights(net), before), 0)
  await loadWeights(net, path, { head: 'new' })
  const now = await weights(net)
  const wanted = new Map([...(await weights(four))].filter(([name]) => !name.startsWith('fc8')))
  t.equal(distance(now, wanted), 0)
  t.strictSame(now.get('fc8.weight'), before.get('fc8.weight'))
  await t.rejects(
    loadWeights(net, path, JSON.parse('{ "head": "old" }')),
    /head: expected 'file' or 'new', got "old"/
  )
})

t.test('rates by layer', async (t) => {
  const set = smallSet(26)
  const built = async (work: (net: Net) => Promise<void>, freeze?: readonly string[]) => {
    await using net = await smallNet().build(device, { batch: 4, seed: 7, freeze })
    await work(net)
    return await weights(net)
  }
  const course = (options: Partial<TrainOptions>) =>
    built(async (net) => void (await run(net, set, { steps: 8, ...options })))
  const ten = { rate: () => 10 }
  const one = {}
  const expected = await course({ courses: ({ layer }) => (layer === 'fc3' ? ten : one) })
  const rates = { fc3: 10 }
  t.equal(distance(await course({ rates }), expected), 0)
  t.not(distance(await course({}), expected), 0)
  let saved: Snapshot | undefined
  const save = (snapshot: Snapshot) => {
    saved ??= snapshot
  }
  await course({ rates, checkpoint: { every: 3, save } })
  t.equal(distance(await course({ rates, from: saved }), expected), 0, 'resumed')
  const steps = (options: TrainOptions, freeze?: readonly string[]) =>
    built(async (net) => {
      for await (const _ of train(net, set, options));
    }, freeze)
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates: { fc4: 2 } }),
    /rates: expected a layer with weights, .* got 'fc4'; did you mean fc\d\?/
  )
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates: { fc3: -1 } }),
    /rates\.fc3: expected a number from 0/
  )
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates }, ['fc3']),
    /expected layers that are trained, got 'fc3', which is frozen/
  )
})
