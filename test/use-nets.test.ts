import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { alexnet } from '../lib/net/models/alexnet.ts'
import { cifar } from '../lib/net/models/cifar.ts'
import { openDevices } from '../lib/net/placement/devices.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { assess } from '../lib/use/assess.ts'
import { upTo } from '../lib/use/cut.ts'
import { outputs } from '../lib/use/outputs.ts'
import { Scores } from '../lib/use/scores.ts'
import { openTrained, readRun, type Trained } from '../lib/use/trained.ts'
import { weightsDigest } from '../lib/use/weights.ts'
import { readSafetensors, writeSafetensors } from '../lib/util/files/safetensors.ts'
import { imagesOf, reordered, smallShapes, trainedRun } from './trained-run.ts'

const device = await open('cpu', { threads: 1 })
t.teardown(() => device.close())
const dir = t.testdir()
const folder = join(dir, 'run')
const other = join(dir, 'other')
const known = await trainedRun(device, folder)
await trainedRun(device, other, { seed: 2 })
const { test } = smallShapes()

/** What the last layer gives for all images. */
async function all(trained: Trained, set: ImageSet, batch = 16) {
  const { net } = trained
  const rows: number[] = []
  for await (const { first, values } of outputs(net, trained.takeUnlabelled(set), { batch })) {
    if (first * net.classes !== rows.length) throw new Error(`a gap before ${first}`)
    rows.push(...values)
  }
  return Float32Array.from(rows)
}

t.test('a net from its folder gives what it gave in training', async (t) => {
  await using trained = await openTrained(folder, device, { batch: 16 })
  t.strictSame(trained.classes, test.classes)
  const scores = await assess([trained], test)
  t.equal(scores.images, 40)
  const { images } = scores
  t.equal(scores.top1Error, (images - known.top1 * images) / images)
  t.equal(scores.top5Error, (images - known.top5 * images) / images)
  t.ok(Math.abs(scores.loss - known.loss) < 1e-5, `${scores.loss} ${known.loss}`)
})

t.test('several devices say what one says', async (t) => {
  await using one = await openTrained(folder, device, { batch: 16 })
  const expected = await all(one, test)
  const views = { batch: 15, views: 10, input: { fit: 'crop' } } as const
  const seen = await evaluate(one.net, one.take(test), views)
  await using devices = await openDevices(['cpu:0', 'cpu:1'], { threads: 1 })
  for (const parallel of ['model', 'data'] as const) {
    await using two = await openTrained(folder, devices.all, { batch: 15, parallel })
    const given = await all(two, test, 15)
    t.equal(given.length, expected.length)
    const off = given.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)))
    t.ok(Math.max(...off) < 1e-4, `${parallel}: ${Math.max(...off)} off`)
    const { top1, loss, images } = await evaluate(two.net, two.take(test), views)
    t.strictSame([top1, images], [seen.top1, 40])
    t.ok(Math.abs(loss - seen.loss) < 1e-5, `${parallel}: ten views`)
  }
})

t.test('labels are those of the class names, whatever their order', async (t) => {
  await using trained = await openTrained(folder, device, { batch: 16 })
  const usual = await assess([trained], test)
  const turned = await assess([trained], await reordered(test))
  t.strictSame(turned.confusion, usual.confusion)
  const part = arrayImageSet({
    images: new Uint8Array(32 * 32 * 3),
    labels: Uint8Array.of(0),
    height: 32,
    width: 32,
    channels: 3,
    classes: [test.classes[3] ?? '']
  })
  t.equal((await assess([trained], part)).perClass[3]?.images, 1, 'some of the classes will do')
})

t.test('training says what mean and deviation are', async (t) => {
  await using trained = await openTrained(folder, device, { batch: 16 })
  const dark = { ...test, mean: [0, 0, 0], std: [1, 1, 1], read: test.read }
  t.strictSame(await all(trained, dark), await all(trained, test))
})

t.test('several nets are averaged', async (t) => {
  await using one = await openTrained(folder, device, { batch: 16 })
  await using two = await openTrained(other, device, { batch: 7 })
  const [a, b] = [await all(one, test), await all(two, test)]
  t.ok(
    a.some((value, i) => Math.abs(value - (b[i] ?? 0)) > 1e-3),
    'they differ'
  )
  const width = test.classes.length
  const softmax = (row: Float32Array) => {
    const powers = row.map((value) => Math.exp(value - Math.max(...row)))
    return powers.map((value) => value / powers.reduce((sum, power) => sum + power))
  }
  const mean = new Float32Array(a.length)
  for (let at = 0; at < mean.length; at += width) {
    const [p, q] = [a, b].map((rows) => softmax(rows.subarray(at, at + width)))
    mean.set(
      Array.from(p ?? [], (value, i) => (value + (q?.[i] ?? 0)) / 2),
      at
    )
  }
  const { labels } = await imagesOf(test)
  const expected = new Scores(test.classes)
  expected.add(mean, labels)
  const seen: number[] = []
  const both = await assess([one, two], test, { onProgress: (done) => seen.push(done) })
  t.strictSame(both.confusion, expected.confusion)
  t.ok(Math.abs(both.loss - expected.loss) < 1e-5)
  t.equal(seen.at(-1), 80)
  const alone = await assess([one], test)
  t.not(both.loss, alone.loss)
  t.strictSame((await assess([one, one], test)).confusion, alone.confusion)
})

t.test('an inner layer', async (t) => {
  await using whole = await openTrained(folder, device, { batch: 16 })
  await using cut = await openTrained(folder, device, { batch: 7, layer: 'fc7' })
  t.equal(cut.net.classes, 256)
  const features = await all(cut, test, 7)
  t.equal(features.length, 40 * 256)
  t.ok(Math.min(...features) === 0 && Math.max(...features) > 0, 'after the ReLU')
  // fc8 of them is what the whole net gives.
  const logits = await all(whole, test)
  const weights = await whole.net.parameters.export(whole.net.stream)
  const [w, b] = [weights.get('fc8.weight')?.data, weights.get('fc8.bias')?.data]
  for (const [image, label] of [
    [0, 0],
    [20, 3],
    [39, 9]
  ] as const) {
    let sum = b?.[label] ?? 0
    for (let i = 0; i < 256; i++) {
      sum += (w?.[label * 256 + i] ?? 0) * (features[image * 256 + i] ?? 0)
    }
    t.ok(Math.abs(sum - (logits[image * 10 + label] ?? 0)) < 1e-5)
  }
  await using maps = await openTrained(folder, device, { batch: 16, layer: 'pool5' })
  t.equal(maps.net.classes, 64 * 2 * 2, 'maps as one row')
})

t.test('cutting a definition', async (t) => {
  const names = (layer: string) => upTo(cifar(), layer).layers.map(({ name }) => name)
  t.strictSame(names('conv1'), ['conv1', 'relu1', 'flatten1'])
  t.strictSame(names('norm1'), ['conv1', 'relu1', 'norm1', 'flatten1'])
  t.strictSame(upTo(alexnet(), 'fc7').layers.at(-2)?.name, 'relu7')
  t.throws(() => upTo(cifar(), 'fc9'), {
    name: 'LayerError',
    message: /cifar has no layer 'fc9': expected one of conv1, relu1/
  })
})

t.test('which weights', async (t) => {
  t.equal((await readRun(folder)).weights, join(folder, 'weights.safetensors'))
  const at = (step: number) => join(folder, `checkpoint-0000000${step}`, 'weights.safetensors')
  t.equal((await readRun(folder, { weights: 'newest' })).weights, at(4))
  t.equal((await readRun(folder, { weights: '2' })).weights, at(2))
  await t.rejects(readRun(folder, { weights: 'best' }), { name: 'RunError' })
  writeFileSync(join(folder, 'best.json'), '{"step":2,"error":0.5,"loss":1}')
  t.equal((await readRun(folder, { weights: 'best' })).weights, at(2))
  rmSync(join(folder, 'best.json'))
  const digest = async (weights: string) => weightsDigest(await readRun(folder, { weights }))
  t.not(await digest('2'), await digest('4'))
  await t.rejects(readRun(folder, { weights: '3' }), {
    name: 'RunError',
    message: /expected weights '3', got a run that has final, newest, 2, 4/
  })
})

t.test('weights that are no numbers', async (t) => {
  const blown = join(dir, 'blown')
  cpSync(folder, blown, { recursive: true })
  const path = join(blown, 'weights.safetensors')
  const { tensors } = await readSafetensors(path)
  const data = Uint8Array.from(tensors['conv2.weight']?.data ?? [])
  new Float32Array(data.buffer)[7] = Number.NaN
  rmSync(path)
  const conv2 = { ...tensors['conv2.weight'], dtype: 'f32', shape: [64, 32, 3, 3], data } as const
  await writeSafetensors(path, { ...tensors, 'conv2.weight': conv2 })
  await t.rejects(openTrained(blown, device), {
    name: 'RunError',
    message:
      `[run] ${path}: expected finite weights, got NaN in conv2.weight: training had diverged by ` +
      'then; use earlier ones (--weights STEP), or train at a lower rate'
  })
  await using earlier = await openTrained(blown, device, { weights: '2' })
  t.equal(earlier.classes.length, 10)
})

t.test('what cannot be used', async (t) => {
  const nothing = join(dir, 'nothing')
  await t.rejects(readRun(nothing), {
    name: 'RunError',
    message: /got nothing there: name the folder/
  })
  await t.rejects(readRun(dir), { message: /got a folder without options\.json/ })
  await t.rejects(openTrained(folder, device, { layer: 'fc9' }), { name: 'LayerError' })

  const broken = join(dir, 'broken')
  cpSync(folder, broken, { recursive: true })
  writeFileSync(join(broken, 'options.json'), '{"net":"tiny"}')
  await t.rejects(readRun(broken), { message: /expected one of .*, got the net "tiny": open it/s })
  t.match(await readRun(broken, { definition: () => cifar() }), { definition: { name: 'cifar' } })
  writeFileSync(join(broken, 'options.json'), '{"net":"alexnet"}')
  await t.rejects(openTrained(broken, device), {
    name: 'RunError',
    message:
      /weights\.safetensors: expected the weights of alexnet, got those of another net: .*; take another copy/s
  })
  writeFileSync(join(broken, 'options.json'), '{"net":"cifar","input":{"fit":"cut"}}')
  await t.rejects(readRun(broken), { message: /fit: expected 'crop' or 'resize', got "cut"/ })
  writeFileSync(join(broken, 'options.json'), '{"net":"cifar"}')
  rmSync(join(broken, 'weights.safetensors'))
  t.match((await readRun(broken)).weights, /checkpoint-00000004/, 'not ended yet')
  rmSync(join(broken, 'data.json'))
  await t.rejects(readRun(broken), { name: 'RunError', message: /expected data\.json/ })

  await using trained = await openTrained(folder, device, { batch: 16 })
  const grey = shapes({ size: 32, train: 1, test: 1 }).test
  t.throws(() => trained.take(grey), { name: 'DataError', message: /of 3 channels, .* got 1/s })
  const pets = { ...test, classes: ['cat', 'dog'] }
  t.throws(() => trained.take(pets), {
    name: 'DataError',
    message:
      /expected classes of shapes, .* \(10: .* and 7 more\), got 2 with 'cat' among them \(cat, dog\)/s
  })
  const stopped = AbortSignal.abort(new Error('stopped'))
  const run = outputs(trained.net, trained.take(test), { signal: stopped })
  await t.rejects(run.next(), { message: 'stopped' })
})
