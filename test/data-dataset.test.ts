import t from 'tap'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import { imageStats } from '../lib/data/byte-counts.ts'
import { DataError } from '../lib/data/dataset.ts'

const classes = ['a', 'b', 'c']

/** Three images of 2×2 pixels, two channels; byte number i is i. */
function small() {
  return {
    images: Uint8Array.from({ length: 24 }, (_, i) => i),
    labels: new Uint8Array([2, 0, 1]),
    height: 2,
    width: 2,
    channels: 2,
    classes
  }
}

t.test('images in memory are read by index, in any order', async (t) => {
  const set = arrayImageSet(small())
  t.match(set, { length: 3, height: 2, width: 2, channels: 2, classes })
  const images = new Uint8Array(25).fill(99)
  const labels = new Int32Array(4).fill(-7)
  await set.read(Uint32Array.of(2, 0, 2), images, labels)
  const last = [16, 17, 18, 19, 20, 21, 22, 23]
  t.same([...images], [...last, 0, 1, 2, 3, 4, 5, 6, 7, ...last, 99], 'and no byte more')
  t.same([...labels], [1, 2, 1, -7])
})

t.test('channels default to one, labels may be i32', async (t) => {
  const { images, height, width, classes } = small()
  const labels = new Int32Array([0, 0, 1, 1, 2, 2])
  const set = arrayImageSet({ images, labels, height, width, classes })
  t.match(set, { length: 6, channels: 1 })
})

t.test('statistics come from the images, channel by channel, unless given', async (t) => {
  const set = arrayImageSet({
    ...small(),
    images: Uint8Array.from({ length: 24 }, (_, i) => (i % 2) * 255)
  })
  t.same(set.mean, [0, 1])
  t.same(set.std, [1, 1], 'a channel that never varies gets 1')
  const given = arrayImageSet({ ...small(), mean: [0.1, 0.2], std: [0.3, 0.4] })
  t.same(
    [given.mean, given.std],
    [
      [0.1, 0.2],
      [0.3, 0.4]
    ]
  )
  const { mean, std } = imageStats(new Uint8Array([0, 51, 102, 255]))
  t.ok(Math.abs(mean[0]! - 0.4) < 1e-12)
  t.ok(Math.abs(std[0]! - Math.sqrt(0.14)) < 1e-12)
})

t.test('wrong sizes are refused', async (t) => {
  const cases = [
    [
      { images: new Uint8Array(23) },
      '[data] expected 3 images of 2×2×2 = 24 bytes (one image for each label), got 23'
    ],
    [{ labels: new Uint8Array(0) }, '[data] expected at least one image, got 0 labels'],
    [{ height: 0 }, '[data] height: expected a whole number from 1, got 0'],
    [{ width: 1.5 }, '[data] width: expected a whole number from 1, got 1.5'],
    [{ channels: -1 }, '[data] channels: expected a whole number from 1, got -1'],
    [{ mean: [0.5] }, '[data] mean: expected a number for each of 2 channels, got 1'],
    [{ std: [1, 1, 1] }, '[data] std: expected a number for each of 2 channels, got 3'],
    [{ std: [0, 1] }, '[data] std[0]: expected a number above 0 to 1, got 0'],
    [{ mean: [0.5, 127.5] }, '[data] mean[1]: expected a number from 0 to 1, got 127.5']
  ] as const
  for (const [wrong, message] of cases) {
    t.throws(() => arrayImageSet({ ...small(), ...wrong }), new DataError(message))
  }
})

t.test('labels out of range are refused', async (t) => {
  const message = (label: number) =>
    `[data] labels: expected labels from 0 to 2 (3 classes), got ${label} for image 1; ` +
    'correct the label or name more classes'
  t.throws(
    () => arrayImageSet({ ...small(), labels: new Uint8Array([0, 3, 0]) }),
    new DataError(message(3))
  )
  t.throws(
    () => arrayImageSet({ ...small(), labels: new Int32Array([0, -1, 0]) }),
    new DataError(message(-1))
  )
})

t.test('reading past the end or into too little room is refused', async (t) => {
  const set = arrayImageSet(small())
  const images = new Uint8Array(16)
  const labels = new Int32Array(2)
  t.throws(() => set.read(Uint32Array.of(0, 3), images, labels), {
    name: 'RangeError',
    message: '[data] expected image indices from 0 to 2, got 3 at place 1'
  })
  t.throws(() => set.read(Uint32Array.of(0, 1, 2), images, labels), {
    name: 'RangeError',
    message:
      '[data] expected room for 3 images of 2×2×2 = 24 bytes, got 16; pass a longer Uint8Array'
  })
  t.throws(() => set.read(Uint32Array.of(0, 1, 2), new Uint8Array(24), labels), {
    name: 'RangeError',
    message: '[data] expected room for 3 labels, got 2; pass a longer Int32Array'
  })
})
