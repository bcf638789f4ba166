// How images become a net's input: recipes that are refused, what chance does, and the same numbers on any
// device, for any split of a batch, and after a resume.
import t, { type Test } from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { ImageSet } from '../lib/data/dataset.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/net/definition.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { evaluate, type PredictedBatch } from '../lib/training/evaluate/evaluate.ts'
import { type InputRecipe, resolveInput } from '../lib/training/input/augment.ts'
import { checkInput } from '../lib/training/input/input-rule.ts'
import { tenViews } from '../lib/training/input/net-input.ts'
import { type Snapshot, train } from '../lib/training/train.ts'
import { weights } from './courses.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { failure } from './failure.ts'
import { makeInput } from './net-input.ts'

const control = await useDouble(t)

const first = (count: number) => Uint32Array.from({ length: count }, (_, i) => i)

/** Whether two rows of numbers are the same; comparing them one by one takes tap minutes. */
const alike = (a: Float64Array, b: Float64Array) =>
  a.length === b.length && a.every((value, i) => value === b[i])

/** Axes of colour that are no channels, and how long they are. */
const colours = {
  eigenvalues: [900, 400, 25],
  eigenvectors: [
    [0.6, 0.8, 0],
    [0.8, -0.6, 0],
    [0, 0, 1]
  ]
}

/** Photographs of which each pixel is another: 3 channels, 12×13. */
function photographs(length: number): ImageSet {
  const [height, width, channels] = [12, 13, 3]
  const size = height * width * channels
  const images = Uint8Array.from({ length: length * size }, (_, i) => (i * 7919 + 11) % 251)
  const labels = Uint8Array.from({ length }, (_, i) => i % 3)
  const set = arrayImageSet({ images, labels, height, width, channels, classes: ['a', 'b', 'c'] })
  return {
    ...set,
    meanImage: Float32Array.from({ length: size }, (_, i) => (i * 31) % 97),
    colours
  }
}

t.test('recipes that are refused', async (t) => {
  const wrong: readonly [unknown, RegExp][] = [
    [undefined, /expected an object/],
    [{ crop: true }, /crop: expected one of the options fit, flip, .* got an unknown one/],
    [{ fit: 'warp' }, /fit: expected 'crop' or 'resize', got "warp"/],
    [{ flip: 1 }, /flip: expected true or false, got 1/],
    [{ offsets: 0 }, /offsets: expected a whole number from 1, got 0/],
    [{ shared: 1.5 }, /shared: expected a whole number from 1, got 1.5/],
    [{ mean: 'grey' }, /mean: expected 'channel', 'pixel', 'centre' or 'none'/],
    [{ divide: 0 }, /divide: expected 'std', or a number above 0, got 0/],
    [{ fit: 'resize', offsets: 3 }, /offsets: expected none with fit 'resize', got 3/],
    [{ colour: 0.1 }, /colour: expected an object/],
    [{ colour: { sigma: 0.1 } }, /colour.form: expected 'eigenvalue' or 'deviation'/],
    [{ colour: { form: 'deviation', sigma: -1 } }, /colour.sigma: expected a number from 0/],
    [{ colour: { form: 'deviation', sigma: 1, divide: 0 } }, /colour.divide: expected a number/],
    [{ colour: { form: 'deviation', sigma: 1, until: '67' } }, /colour.until: expected a number/],
    [
      { colour: { form: 'deviation', sigma: 1, from: 2 } },
      /colour.from: expected one of .* did you mean form/
    ]
  ]
  for (const [recipe, message] of wrong) t.throws(() => checkInput(recipe), { message })
  t.doesNotThrow(() => checkInput({ fit: 'crop', offsets: 30, shared: 32, mean: 'centre' }))
})

t.test('what a recipe leaves open', async (t) => {
  const set = (height: number, width = height) => ({ height, width, channels: 3 })
  const net = { height: 56, width: 56 }
  const usual = { shared: 1, mean: 'channel', divide: 'std', colour: undefined }
  const whole = { ...usual, fit: 'resize', flip: false, offsets: [1, 1] }
  t.match(resolveInput(undefined, set(64, 70), net), {
    ...usual,
    fit: 'crop',
    flip: true,
    offsets: [9, 15]
  })
  t.match(resolveInput(undefined, set(28), net), whole, 'smaller images are resized')
  t.match(resolveInput(undefined, set(56), net), whole, 'and those of the same size')
  t.match(resolveInput(undefined, set(32), { height: 28, width: 28 }), whole, 'and small ones')
  t.match(resolveInput({}, set(64), net), { fit: 'crop', flip: false }, 'a recipe is whole')
  t.match(resolveInput({ fit: 'crop', offsets: 3 }, set(64), net), { offsets: [3, 3] })
  const mean = { ...set(64), meanImage: new Float32Array(64 * 64 * 3) }
  t.match(resolveInput({ mean: 'pixel' }, mean, net), { divide: 1 })
  t.match(resolveInput({ mean: 'none' }, set(64), net), { divide: 1 }, 'which needs no mean image')
  const refused: readonly [InputRecipe, RegExp][] = [
    [{ fit: 'crop' }, /images to crop, got images of 50×64 for an input of 56×56: use fit/],
    [{ offsets: 1 }, /expected offsets that fit, got 1 with fit "resize"/],
    [{ mean: 'centre' }, /a mean image for mean "centre", got none: prepare/],
    [{ colour: { form: 'deviation', sigma: 0.1 } }, /that tells its colours .* got none/]
  ]
  for (const [recipe, message] of refused) {
    t.throws(() => resolveInput(recipe, set(50, 64), net), { message })
  }
  t.throws(() => resolveInput({ offsets: 10 }, set(64), net), /offsets that fit, got 10/)
})

t.test('what chance does', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  const count = 6000
  // A pixel's byte tells its row and column.
  const [height, width] = [12, 13]
  const one = Uint8Array.from(
    { length: height * width },
    (_, i) => (i % width) + 16 * Math.floor(i / width)
  )
  const images = new Uint8Array(count * one.length)
  for (let i = 0; i < count; i++) images.set(one, i * one.length)
  const labels = new Uint8Array(count)
  const set = arrayImageSet({ images, labels, height, width, classes: ['a'], mean: [0], std: [1] })
  const size = [9, 9] as const
  const places = async (recipe: InputRecipe) => {
    const input = { fit: 'crop', divide: 1, ...recipe } as const
    const found = await makeInput(device, set, { size, indices: first(count), input })
    return Array.from({ length: count }, (_, n) => {
      const [a = 0, b = 0] = found.subarray(n * 81, n * 81 + 2)
      const mirrored = b < a
      return { top: Math.floor(a / 16), left: (a % 16) - (mirrored ? 8 : 0), mirrored }
    })
  }
  /** Each of `cells` equally likely outcomes comes about as often as it should: five sigma. */
  const even = (what: string, keys: readonly string[], cells: number) => {
    const counts = new Map<string, number>()
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
    const share = keys.length / cells
    t.equal(counts.size, cells, `${what}: all are met, and no others`)
    const off = Math.max(...[...counts.values()].map((n) => Math.abs(n - share) / Math.sqrt(share)))
    t.ok(off < 5, `${what}: ${off} sigma`)
  }
  const free = await places({ flip: true })
  even(
    'place',
    free.map(({ top, left }) => `${top} ${left}`),
    4 * 5
  )
  even(
    'mirrored',
    free.map(({ mirrored }) => `${mirrored}`),
    2
  )
  t.match(
    [Math.max(...free.map(({ top }) => top)), Math.max(...free.map(({ left }) => left))],
    [3, 4]
  )
  const few = await places({ offsets: 2 })
  even(
    '2 offsets',
    few.map(({ top, left, mirrored }) => `${top} ${left} ${mirrored}`),
    4
  )
  const shared = await places({ flip: true, shared: 32 })
  const text = shared.map((place) => JSON.stringify(place))
  t.ok(
    text.every((place, i) => place === text[i - (i % 32)]),
    'shared by 32'
  )
  even(
    'of groups, mirrored',
    shared.filter((_, i) => i % 32 === 0).map(({ mirrored }) => `${mirrored}`),
    2
  )
  const centre = await makeInput(device, set, {
    size,
    indices: first(3),
    training: false,
    input: { fit: 'crop', flip: true, divide: 1 }
  })
  t.equal(centre[0], 16 * 1 + 2, 'evaluation takes the centre')
  t.match(device.memory(), { live: 0, blocks: 0 })
})

t.test('the noise of colours', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  const set = photographs(3)
  const count = 20_000
  const sigma = 0.1
  const black: ImageSet = {
    ...set,
    length: count,
    mean: [0, 0, 0],
    height: 1,
    width: 1,
    read: (_, images) => void images.fill(0)
  }
  const shifts = async (form: 'eigenvalue' | 'deviation', more: object = {}, epoch = 0) => {
    const input = { fit: 'crop', divide: 1, colour: { form, sigma, ...more } } as const
    const indices = first(count)
    return makeInput(device, black, { size: [1, 1], indices, input, epoch })
  }
  for (const form of ['deviation', 'eigenvalue'] as const) {
    const found = await shifts(form)
    const lengths = colours.eigenvalues.map((v) => (form === 'deviation' ? Math.sqrt(v) : v / 255))
    for (const [a, b] of [
      [0, 0],
      [0, 1],
      [1, 1],
      [0, 2],
      [2, 2]
    ] as const) {
      let sum = 0
      for (let n = 0; n < count; n++) sum += (found[3 * n + a] ?? 0) * (found[3 * n + b] ?? 0)
      const expected = colours.eigenvectors.reduce(
        (all, vector, k) =>
          all + (sigma * (lengths[k] ?? 0)) ** 2 * (vector[a] ?? 0) * (vector[b] ?? 0),
        0
      )
      const scale = (sigma * (lengths[0] ?? 0)) ** 2
      t.ok(Math.abs(sum / count - expected) < 0.05 * scale, `${form}: covariance of ${a} and ${b}`)
    }
    const mean = found.reduce((all, value) => all + value, 0) / found.length
    t.ok(Math.abs(mean) < 0.03 * sigma * (lengths[0] ?? 0), `${form}: no shift on average`)
  }
  const plain = await shifts('deviation')
  const divided = await shifts('deviation', { divide: 1.1 })
  t.ok(
    divided.every((value, i) => Math.abs(value - (plain[i] ?? 0) / 1.1) < 1e-5),
    'divided'
  )
  const late = { until: 2, divide: 1.1 }
  t.ok((await shifts('deviation', late, 1.9)).some(Boolean), 'noise up to epoch 2')
  t.notOk((await shifts('deviation', late, 2)).some(Boolean), 'none from epoch 2 on')
})

const full: InputRecipe = {
  fit: 'crop',
  flip: true,
  shared: 3,
  mean: 'pixel',
  divide: 50,
  colour: { form: 'deviation', sigma: 0.1, divide: 1.1 }
}

t.test('means that move and means that stay', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  const set = photographs(8)
  const { meanImage = new Float32Array() } = set
  const size = [9, 9] as const
  const indices = first(8)
  const options = { size, indices, seed: 3 }
  const drawn = { fit: 'crop', flip: true, divide: 1 } as const
  const bytes = await makeInput(device, { ...set, mean: [0, 0, 0] }, { ...options, input: drawn })
  const under = { images: meanImage, labels: new Uint8Array(1) }
  const { height, width, channels, classes } = set
  const image = arrayImageSet({
    ...under,
    images: Uint8Array.from(under.images),
    height,
    width,
    channels,
    classes,
    mean: [0, 0, 0],
    std: [1, 1, 1]
  })
  // The same draws on the mean image itself: where it lies under each crop.
  const repeated = { ...options, indices: new Uint32Array(8) }
  const moved = await makeInput(device, image, { ...repeated, input: drawn })
  const input = { fit: 'crop', divide: 1 } as const
  const middle = await makeInput(device, image, { ...repeated, training: false, input })
  const pixel = await makeInput(device, set, { ...options, input: { ...drawn, mean: 'pixel' } })
  const centre = await makeInput(device, set, { ...options, input: { ...drawn, mean: 'centre' } })
  const alone = await makeInput(device, set, {
    ...options,
    input: { ...drawn, mean: 'none', divide: 255 }
  })
  t.ok(
    alone.every((value, i) => Math.abs(value - (bytes[i] ?? 0) / 255) < 1e-6),
    'nothing is subtracted'
  )
  const less = (mean: Float64Array) => bytes.map((byte, i) => byte - (mean[i] ?? 0))
  t.ok(alike(pixel, less(moved)), 'under the image')
  t.ok(alike(centre, less(middle)), 'under the crop')
  t.notOk(alike(pixel, centre))
})

/** What must hold on every device. */
async function onDevice(t: Test, device: Device): Promise<void> {
  const set = photographs(12)
  const size = [9, 8] as const
  const make = (from: number, to: number, more: object = {}) =>
    makeInput(device, set, {
      size,
      indices: first(to).subarray(from),
      first: from,
      seed: 5,
      step: 9,
      input: full,
      ...more
    })
  const whole = await make(0, 12)
  const parts = [await make(0, 5), await make(5, 12)]
  const joined = Float64Array.from(parts.flatMap((part) => [...part]))
  t.ok(alike(joined, whole), 'a batch in two parts')
  t.ok(alike(await make(0, 12, { layout: 'acdb' }), whole), 'another layout')
  t.ok(alike(await make(0, 12, { layout: 'aBcd8b' }), whole), 'a blocked layout')
  t.notOk(alike(await make(0, 12, { step: 10 }), whole), 'another step')
  t.notOk(alike(await make(0, 12, { seed: 6 }), whole), 'another seed')
}

const layers = [flatten(), dense({ units: 3, init: { normal: { std: 0.05 } } })]
const definition = defineNet({ name: 'tiny', input: { channels: 3, height: 9, width: 9 }, layers })

/** Losses and weights of four steps, in one go or in two. */
async function course(device: Device, stops: readonly number[], input: InputRecipe) {
  const losses: number[] = []
  let from: Snapshot | undefined
  for (const steps of stops) {
    await using net = await definition.build(device, { batch: 5, seed: 2 })
    const save = (snapshot: Snapshot) => {
      from = snapshot
    }
    const options = { steps, lr: 0.01, momentum: 0.9, seed: 4, input, from, checkpoint: { save } }
    for await (const { loss } of train(net, photographs(8), options)) losses.push(loss)
    if (steps !== stops.at(-1)) continue
    return { losses, weights: [...(await weights(net)).values()].map(({ data }) => [...data]) }
  }
  throw new Error('no steps')
}

async function resumes(t: Test, device: Device): Promise<number[]> {
  const colour = { form: 'deviation', sigma: 0.1, divide: 1.1, until: 1.5 } as const
  const input = { ...full, colour }
  const whole = await course(device, [6], input)
  const text = JSON.stringify(whole)
  t.equal(JSON.stringify(await course(device, [3, 6], input)), text, 'gone on with, bit for bit')
  const other = await course(device, [6], { ...input, flip: false })
  t.not(JSON.stringify(other), text, 'the recipe matters')
  return whole.losses
}

/** Ten views at once, against each of them as a set of its own. */
async function views(t: Test, device: Device, dtype: 'f32' | 'bf16'): Promise<void> {
  await using net = await definition.build(device, { batch: 4, seed: 2, dtype })
  const set = photographs(10)
  const sum = new Float64Array(10 * 3)
  const list = tenViews(set, definition.input)
  t.equal(new Set(list.map((view) => JSON.stringify(view))).size, 10)
  for (const view of list) {
    const own = arrayImageSet({ ...(await cut(set, view)), classes: set.classes })
    const seen = { ...own, mean: set.mean, std: set.std }
    await evaluate(net, seen, {
      onBatch: ({ first, probabilities }) => {
        for (const [i, p] of probabilities.entries()) {
          const at = 3 * first + i
          sum[at] = (sum[at] ?? 0) + p / 10
        }
      }
    })
  }
  const batches: PredictedBatch[] = []
  const result = await evaluate(net, set, {
    views: 10,
    input: { fit: 'crop' },
    onBatch: (batch) => void batches.push(batch)
  })
  const found = batches.flatMap(({ probabilities }) => [...probabilities])
  const bound = dtype === 'f32' ? 1e-5 : 1e-2
  t.equal(found.length, 30)
  t.ok(
    found.every((p, i) => Math.abs(p - (sum[i] ?? 0)) < bound),
    'the mean of ten softmaxes'
  )
  const labels = batches.flatMap(({ labels }) => [...labels])
  t.same(
    labels,
    Array.from({ length: 10 }, (_, i) => i % 3)
  )
  const own = labels.map((label, i) => found[3 * i + label] ?? 0)
  const loss = own.reduce((all, p) => all - Math.log(p), 0) / 10
  t.ok(Math.abs(result.loss / loss - 1) < 1e-4, 'the loss of that mean')
  const right = own.filter((p, i) => p === Math.max(...found.slice(3 * i, 3 * i + 3)))
  t.equal(result.top1, right.length / 10)
  t.equal(result.images, 10)
}

/** A part of each image. */
async function cut(set: ImageSet, view: { top: number; left: number; mirrored: boolean }) {
  const [height, width, channels] = [9, 9, set.channels]
  const all = new Uint8Array(set.length * set.height * set.width * channels)
  const labels = new Int32Array(set.length)
  await set.read(first(set.length), all, labels)
  const images = Uint8Array.from({ length: set.length * height * width * channels }, (_, i) => {
    const c = i % channels
    const inRow = Math.floor(i / channels) % width
    const row = Math.floor(i / (channels * width)) % height
    const n = Math.floor(i / (channels * width * height))
    const column = view.mirrored ? width - 1 - inRow : inRow
    const pixel = (n * set.height + view.top + row) * set.width + view.left + column
    return all[pixel * channels + c] ?? 0
  })
  return { images, labels, height, width, channels }
}

t.test('cpu', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  await onDevice(t, device)
  await resumes(t, device)
  await views(t, device, 'f32')
  t.match(device.memory(), { live: 0, blocks: 0 })
})

t.test('a GPU', needsDouble, async (t) => {
  await using cpu = await open('cpu', { threads: 2 })
  await using device = await open('cuda')
  await onDevice(t, device)
  const options = { size: [9, 8], indices: first(12), seed: 5, input: full } as const
  const made = await makeInput(device, photographs(12), options)
  t.ok(alike(made, await makeInput(cpu, photographs(12), options)), "the CPU's bits")
  const losses = await resumes(t, device)
  const expected = await resumes(t, cpu)
  const off = losses.map((loss, i) => Math.abs(loss / (expected[i] ?? 0) - 1))
  t.ok(Math.max(...off) < 1e-4, `the CPU's losses: ${Math.max(...off)} off`)
  await views(t, device, 'f32')
  await views(t, device, 'bf16')
  t.match(device.memory(), { live: 0, blocks: 0 })
})

t.test('ten views of images that are resized', async (t) => {
  await using device = await open('cpu')
  const net = await definition.build(device, { batch: 4 })
  const small = { ...photographs(4), height: 6 }
  t.match(await failure(evaluate(net, small, { views: 10 })), {
    message: /expected images to crop for 10 views, got 6×13 that are resized to 9×9: use views 1/
  })
  await net.close()
  t.match(device.memory(), { live: 0, blocks: 0 })
})

t.test('all was given back', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
