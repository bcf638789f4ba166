import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import { imageStats } from '../lib/data/byte-counts.ts'
import { DataError, type ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { permutation } from '../lib/util/random.ts'

async function readAll(set: ImageSet, indices: Iterable<number>) {
  const which = Uint32Array.from(indices)
  const images = new Uint8Array(which.length * set.height * set.width * set.channels)
  const labels = new Int32Array(which.length)
  await set.read(which, images, labels)
  return { images, labels }
}

function range(n: number) {
  return Uint32Array.from({ length: n }, (_, i) => i)
}

/**
 * Test accuracy of multinomial logistic regression on the pixels, trained by SGD: what can be told
 * from single pixels without looking at form.
 */
async function linearAccuracy(train: ImageSet, test: ImageSet, epochs = 8, rate = 0.002) {
  const size = train.height * train.width * train.channels
  const classes = train.classes.length
  const normalise = (bytes: Uint8Array) =>
    Float32Array.from(bytes, (b) => (b / 255 - train.mean[0]!) / train.std[0]!)
  const { images, labels } = await readAll(train, range(train.length))
  const x = normalise(images)
  const weights = new Float32Array(classes * (size + 1))
  const scores = new Float64Array(classes)
  const score = (x: Float32Array, at: number) => {
    for (let k = 0; k < classes; k++) {
      const row = k * (size + 1)
      let sum = weights[row + size]!
      for (let i = 0; i < size; i++) sum += weights[row + i]! * x[at + i]!
      scores[k] = sum
    }
    return scores.indexOf(Math.max(...scores))
  }
  for (let epoch = 0; epoch < epochs; epoch++) {
    const step = rate * (1 - epoch / epochs)
    for (const sample of permutation(train.length, 1, epoch)) {
      const best = scores[score(x, sample * size)]!
      const powers = scores.map((s) => Math.exp(s - best))
      const total = powers.reduce((a, b) => a + b)
      for (let k = 0; k < classes; k++) {
        const gradient = powers[k]! / total - (k === labels[sample] ? 1 : 0)
        const row = k * (size + 1)
        for (let i = 0; i < size; i++) weights[row + i]! -= step * gradient * x[sample * size + i]!
        weights[row + size]! -= step * gradient
      }
    }
  }
  const held = await readAll(test, range(test.length))
  const y = normalise(held.images)
  let right = 0
  for (let i = 0; i < test.length; i++) if (score(y, i * size) === held.labels[i]) right++
  return right / test.length
}

t.test('shapes has ten classes of grey 28×28 images by default', async (t) => {
  const data = shapes()
  t.equal(data.name, 'shapes')
  t.equal(data.source, 'generated (seed 1)')
  t.equal(data.classes.length, 10)
  t.equal(new Set(data.classes).size, 10)
  t.match(data.train, { length: 60_000, height: 28, width: 28, channels: 1 })
  t.match(data.test, { length: 10_000, height: 28, width: 28, channels: 1 })
  for (const set of [data.train, data.test]) {
    t.equal(set.classes, data.classes)
    t.equal(set.mean, data.mean)
    t.equal(set.std, data.std)
  }
})

t.test('an image depends on seed, split and index alone', async (t) => {
  const { train, test } = shapes()
  const all = await readAll(train, range(40))
  const picked = await readAll(train, [31, 7])
  t.same(picked.images.subarray(0, 784), all.images.subarray(31 * 784, 32 * 784))
  t.same(picked.images.subarray(784), all.images.subarray(7 * 784, 8 * 784))
  t.same([...picked.labels], [all.labels[31], all.labels[7]])

  const shorter = shapes({ train: 40, test: 1 })
  t.same(await readAll(shorter.train, range(40)), all, 'whatever the number of images')
  const [one, two] = await Promise.all([readAll(train, range(40)), readAll(train, range(40))])
  t.same([one, two], [all, all], 'also when two reads interleave')

  t.notSame((await readAll(test, range(40))).labels, all.labels, 'splits differ')
  const other = shapes({ seed: 2 })
  t.notSame((await readAll(other.train, range(40))).labels, all.labels, 'seeds differ')
})

t.test('the images are these, in every version on every machine', async (t) => {
  const hash = createHash('sha256')
  for (const [channels, size] of [
    [1, 28],
    [3, 33]
  ] as const) {
    const { images, labels } = await readAll(shapes({ channels, size }).train, range(64))
    hash.update(images).update(Uint8Array.from(labels))
  }
  t.equal(hash.digest('hex'), '49dd4062fb1ddf442302438037def0c761509f7112e0d73f4bff5d976c4e03f9')
})

t.test('classes are about as frequent as each other', async (t) => {
  const { labels } = await readAll(shapes({ size: 16 }).train, range(2000))
  const counts = new Array<number>(10).fill(0)
  for (const label of labels) counts[label]!++
  for (const [k, count] of counts.entries()) t.ok(count > 146 && count < 254, `${k}: ${count}`)
})

t.test('any size, grey or colour', async (t) => {
  for (const size of [16, 45, 64]) {
    for (const channels of [1, 3]) {
      const { train, mean, std } = shapes({ size, channels })
      t.match(train, { height: size, width: size, channels })
      const { images } = await readAll(train, range(64))
      const stats = imageStats(images, channels)
      t.equal(mean.length, channels)
      for (let c = 0; c < channels; c++) {
        t.ok(Math.abs(mean[c]! - stats.mean[c]!) < 0.08, `mean ${mean[c]}, here ${stats.mean[c]}`)
        t.ok(Math.abs(std[c]! - stats.std[c]!) < 0.04, `std ${std[c]}, here ${stats.std[c]}`)
      }
    }
  }
  const { images } = await readAll(shapes({ channels: 3 }).train, [0])
  t.notSame(images[0], images[1], 'the channels differ')
})

t.test('drawing gives the event loop its turns', async (t) => {
  let turns = 0
  let done = false
  const reading = readAll(shapes({ size: 64 }).train, range(150)).then(() => {
    done = true
  })
  while (!done) {
    await setImmediate()
    turns++
  }
  await reading
  t.ok(turns > 5, `${turns} turns`)
})

t.test('wrong options are refused', async (t) => {
  const cases = [
    [{ channels: 2 }, '[shapes] channels: expected 1 or 3, got 2'],
    [{ size: 15 }, '[shapes] size: expected a whole number from 16, got 15'],
    [{ train: 0 }, '[shapes] train: expected a whole number from 1, got 0'],
    [{ test: 1.5 }, '[shapes] test: expected a whole number from 1, got 1.5'],
    [{ seed: -1 }, '[shapes] seed: expected a whole number from 0 to 2^53 - 1, got -1']
  ] as const
  for (const [options, message] of cases) t.throws(() => shapes(options), new DataError(message))

  const { train } = shapes({ train: 5 })
  await t.rejects(readAll(train, [5]), {
    message: '[data] expected image indices from 0 to 4, got 5 at place 0'
  })
})

t.test('a linear model of the pixels stays under .60', async (t) => {
  const { train, test } = shapes({ train: 4000, test: 1000 })
  const accuracy = await linearAccuracy(train, test)
  t.ok(accuracy < 0.6, `accuracy ${accuracy}`)

  // The same model does learn what single pixels tell: here the column that is lit.
  const lit = (first: number, count: number) => {
    const labels = Uint8Array.from({ length: count }, (_, i) => (first + i) % 10)
    const { images } = arrayOfNoise(count)
    for (let i = 0; i < count; i++) {
      for (let row = 0; row < 10; row++) images[i * 100 + row * 10 + labels[i]!]! += 60
    }
    return arrayImageSet({ images, labels, height: 10, width: 10, classes: train.classes })
  }
  const control = await linearAccuracy(lit(0, 1000), lit(3, 500))
  t.ok(control > 0.9, `control ${control}`)
})

function arrayOfNoise(count: number) {
  return { images: Uint8Array.from({ length: count * 100 }, (_, i) => ((i * 7919) % 1009) % 120) }
}
