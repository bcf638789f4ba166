import t from 'tap'
import { symmetricEigen } from '../lib/data/photos/prepare/eigen.ts'
import { Statistics } from '../lib/data/photos/prepare/statistics.ts'
import { ordered } from '../lib/util/ordered.ts'

t.test('eigenvalues and eigenvectors of symmetric matrices', async (t) => {
  const matrices = [
    [
      [2, 1, 0],
      [1, 2, 1],
      [0, 1, 2]
    ],
    [
      [5, 5, 5],
      [5, 5, 5],
      [5, 5, 5]
    ],
    [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0]
    ],
    [
      [3, 0, 0],
      [0, 9, 0],
      [0, 0, 1]
    ],
    [
      [4900, 4500, 4000],
      [4500, 4600, 4300],
      [4000, 4300, 4800]
    ]
  ]
  for (const matrix of matrices) {
    const { values, vectors } = symmetricEigen(matrix)
    t.same(
      values,
      [...values].sort((a, b) => b - a),
      'the largest first'
    )
    const scale = Math.max(1, ...matrix.flat())
    for (const [k, vector] of vectors.entries()) {
      const dot = (other: readonly number[]) =>
        vector.reduce((sum, value, i) => sum + value * (other[i] ?? 0), 0)
      for (const [j, other] of vectors.entries()) {
        t.ok(Math.abs(dot(other) - (j === k ? 1 : 0)) < 1e-12, 'orthonormal')
      }
      for (const [i, row] of matrix.entries()) {
        t.ok(Math.abs(dot(row) - values[k]! * vector[i]!) < 1e-12 * scale, `${matrix}: ${k}, ${i}`)
      }
      t.ok(Math.max(...vector) >= -Math.min(...vector) - 1e-12, 'the largest component is positive')
    }
  }
})

t.test('statistics do not depend on the order, and go on from what was saved', async (t) => {
  const shape = { height: 2, width: 3, channels: 3 }
  const images = Array.from({ length: 5 }, (_, k) =>
    Uint8Array.from({ length: 18 }, (_, i) => (i * i * 31 + k * 77) % 256)
  )
  const results = (statistics: Statistics) => [
    [...statistics.meanImage()],
    statistics.stats(),
    statistics.colours()
  ]
  const forward = new Statistics(shape)
  for (const image of images) forward.add(image)
  const backward = new Statistics(shape)
  for (const image of images.slice(2).reverse()) backward.add(image)
  const later = new Statistics(shape)
  const saved = JSON.parse(JSON.stringify(backward.save()))
  t.notOk(later.restore(saved, 4), 'sums of another number of images')
  t.ok(later.restore(saved, 3))
  for (const image of images.slice(0, 2)) later.add(image)
  t.same(results(later), results(forward))
  t.equal(later.meanImage()[4], Math.fround(images.reduce((sum, image) => sum + image[4]!, 0) / 5))
  later.reset()
  t.same(results(later), results(new Statistics(shape)))

  for (const wrong of [undefined, null, {}, { images: 1, image: '', products: [] }]) {
    t.notOk(later.restore(wrong, 1))
  }
  const grey = new Statistics({ height: 1, width: 2, channels: 1 })
  grey.add(Uint8Array.of(0, 255))
  t.same(grey.stats(), { mean: [0.5], std: [0.5] })
  t.equal(grey.colours(), undefined)
  const flat = new Statistics({ height: 1, width: 1, channels: 3 })
  flat.add(Uint8Array.of(255, 0, 51))
  t.same(flat.stats(), { mean: [1, 0, 0.2], std: [1, 1, 1] })
})

t.test('many at once, in order', async (t) => {
  let flying = 0
  let most = 0
  const finish: (() => void)[] = []
  const work = async (i: number) => {
    most = Math.max(most, ++flying)
    await new Promise<void>((resolve) => finish.push(resolve))
    flying--
    if (i === 7) throw new Error('seven')
    return i * 10
  }
  const got: number[] = []
  const run = (async () => {
    for await (const value of ordered([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 3, work)) got.push(value)
  })()
  let ended = false
  run
    .catch(() => {})
    .finally(() => {
      ended = true
    })
  // The last of those begun ends first.
  while (!ended) {
    finish.pop()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await t.rejects(run, new Error('seven'))
  t.same(got, [0, 10, 20, 30, 40, 50, 60])
  t.equal(most, 3)
  t.equal(flying, 0, 'and what was begun has ended')
})
