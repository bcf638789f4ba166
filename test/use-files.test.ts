import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { findPictures } from '../lib/data/photos/files/find.ts'
import { alexnet } from '../lib/net/models/alexnet.ts'
import { cifar } from '../lib/net/models/cifar.ts'
import { classPlaces } from '../lib/use/class-places.ts'
import { type FeatureFacts, openIndex, writeIndex } from '../lib/use/feature-index.ts'
import { filterSheet, firstConvolution, towersOf } from '../lib/use/filters.ts'
import { nearest } from '../lib/use/nearest.ts'
import { photoFiles, pictureSet } from '../lib/use/photo-files.ts'
import { ranked, Scores } from '../lib/use/scores.ts'
import { suited } from '../lib/use/suited.ts'
import { readNpy, writeNpy } from '../lib/util/files/npy.ts'
import { tarOf } from './photo-files.ts'

const python = '/usr/bin/python3'
const matrix = Float32Array.from({ length: 15 }, (_, i) => Math.fround(i / 3 - 2))

async function* pieces(...sizes: number[]) {
  let from = 0
  for (const size of sizes) {
    yield matrix.subarray(from, from + size)
    from += size
  }
}

async function allOf(rows: AsyncIterable<{ first: number; values: Float32Array }>) {
  const all: number[] = []
  for await (const { values } of rows) all.push(...values)
  return Float32Array.from(all)
}

const facts: FeatureFacts = {
  run: '/run',
  weights: 'abc',
  net: 'cifar',
  layer: 'fc7',
  folder: '/photos',
  images: [{ file: 'a.png' }, { file: 'b.png', class: 'cat' }, { file: 'c.png' }]
}

t.test('npy', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'a.npy')
  t.equal(await writeNpy(path, 5, pieces(5, 10)), 3)
  const { shape, rows } = await readNpy(path)
  t.strictSame(shape, [3, 5])
  t.strictSame(await allOf(rows()), matrix)
  t.equal(readFileSync(path).length, 128 + 60)
  await t.rejects(writeNpy(path, 5, pieces(5)), { name: 'DiskError', message: /exists already/ })
  await t.rejects(readNpy(join(dir, 'none.npy')), { name: 'DiskError' })
  const whole = readFileSync(path, 'latin1')
  const damaged = join(dir, 'damaged.npy')
  for (const [from, to, message] of [
    ['NUMPY', 'NUMPX', /expected a \.npy file/],
    ["'<f4'", "'<f8'", /expected '<f4' in two dimensions, row-major, got "\{'descr': '<f8'/],
    ['False', 'True ', /expected '<f4' in two dimensions/],
    ['(3, 5)', '(4, 5)', /expected 4×5 values, 208 bytes, got 188 bytes/],
    ['(3, 5)', '(3, 0)', /expected 3×0 values/]
  ] as const) {
    writeFileSync(damaged, whole.replace(from, to), 'latin1')
    await t.rejects(readNpy(damaged), { name: 'DamagedFileError', message })
  }
  writeFileSync(damaged, whole.slice(0, 60), 'latin1')
  await t.rejects(readNpy(damaged), { message: /expected a whole header, got a cut one/ })
  writeFileSync(damaged, '')
  await t.rejects(readNpy(damaged), { name: 'DamagedFileError' })

  t.test('as NumPy reads it', { skip: !hasNumpy() && 'no NumPy for python3' }, async (t) => {
    const script = 'import numpy,sys;a=numpy.load(sys.argv[1]);print(a.dtype,a.shape,*a.flatten())'
    const out = execFileSync(python, ['-c', script, path], { encoding: 'utf8' })
    const [dtype, rows, columns, ...values] = out.trim().split(/ +/)
    t.strictSame([dtype, rows, columns], ['float32', '(3,', '5)'])
    t.strictSame(Float32Array.from(values, Number), matrix)
  })
})

function hasNumpy(): boolean {
  if (!existsSync(python)) return false
  try {
    execFileSync(python, ['-c', 'import numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

t.test('an index of features', async (t) => {
  for (const name of ['a.npy', 'a.safetensors']) {
    const path = join(t.testdir(), name)
    t.equal(await writeIndex(path, 5, pieces(10, 5), () => facts), 3)
    const { rows, width, ...told } = await openIndex(path)
    t.strictSame({ ...told, width }, { ...facts, width: 5 })
    t.strictSame(await allOf(rows()), matrix)
    await t.rejects(
      writeIndex(path, 15, pieces(15), () => ({ ...facts, images: [] })),
      { message: /images: expected one for each of 1 rows, got 0/ }
    )
    // Where the disk fails between the two files, what was told of the one before is gone.
    await t.rejects(
      writeIndex(path, 15, pieces(15), () => ({
        ...facts,
        net: '',
        images: [],
        get run(): string {
          throw new Error('full')
        }
      })),
      /full/
    )
    if (name === 'a.npy') await t.rejects(openIndex(path), { name: 'DiskError', code: 'ENOENT' })
    else t.equal((await openIndex(path)).width, 5, 'it failed before the old one was touched')
    await writeIndex(path, 15, pieces(15), () => ({ ...facts, images: facts.images.slice(0, 1) }))
    appendFileSync(path, 'x')
    await t.rejects(openIndex(path), { name: 'DamagedFileError' })
    for (const [text, message] of [
      ['{"format":"other"}', /expected the format 'alexnode features', got "other"/],
      ['{"format":"alexnode features","version":2}', /expected version 1, got 2/],
      [
        '{"format":"alexnode features","version":1,"run":"/run"}',
        /expected weights, got \{"format"/
      ]
    ] as const) {
      writeFileSync(`${path}.json`, text)
      await t.rejects(openIndex(path), { name: 'DamagedFileError', message })
    }
  }
  await t.rejects(openIndex(join(t.testdir(), 'none.npy')), { name: 'DiskError' })
})

t.test('nearest', async (t) => {
  const width = 3
  const values = Float32Array.from({ length: 40 * width }, (_, i) => ((i * 37) % 11) - 5)
  async function* rows() {
    yield { first: 0, values: values.subarray(0, 15 * width) }
    yield { first: 15, values: values.subarray(15 * width) }
  }
  const queries = Float32Array.of(0, 1, 2, ...values.subarray(20 * width, 21 * width))
  const found = await nearest(queries, width, rows(), 7)
  for (const [query, list] of found.entries()) {
    const all = Array.from({ length: 40 }, (_, row) => {
      const apart = [0, 1, 2].map((i) => queries[query * width + i]! - values[row * width + i]!)
      return { row, distance: Math.hypot(...apart) }
    })
    const sorted = all.sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, 7)
    t.strictSame(
      list.map(({ row }) => row),
      sorted.map(({ row }) => row)
    )
  }
  t.equal(found[1]?.[0]?.distance, 0)
  t.equal((await nearest(queries, width, rows(), 100))[0]?.length, 40)
})

t.test('scores', async (t) => {
  const classes = ['a', 'b', 'c', 'd', 'e', 'f', 'g,"h"']
  const scores = new Scores(classes)
  const row = (...values: number[]) => values
  scores.add(
    Float32Array.of(
      ...row(0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02),
      ...row(0.4, 0.3, 0.1, 0.1, 0.05, 0.03, 0.02),
      ...row(0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1)
    ),
    Int32Array.of(0, 5, 1)
  )
  scores.add(Float32Array.of(...row(0.9, 0, 0, 0, 0, 0, 0.1)), Int32Array.of(6))
  t.equal(scores.images, 4)
  t.equal(scores.top1Error, 3 / 4)
  // The sixth of seven is not among five; of equal ones the first class counts.
  t.equal(scores.top5Error, 1 / 4)
  const fifth = new Scores(classes)
  for (let i = 0; i < 5; i++)
    fifth.add(Float32Array.of(0.9, 0.1, 0, 0, 0, 0, 0), Int32Array.of(i && 1))
  t.equal(fifth.top1Error, 0.8, 'not .7999…')
  const none = new Scores(classes)
  none.add(new Float32Array(7).fill(Number.NaN), Int32Array.of(3))
  t.match(none, { top1Error: 1, top5Error: 1, notFinite: 1 })
  t.equal(
    none.confusion.reduce((a, b) => a + b),
    0,
    'NaN predicts no class'
  )
  const few = new Scores(['a', 'b'])
  few.add(Float32Array.of(Number.NaN, 0.5, 0.9, 0.1), Int32Array.of(1, 0))
  t.match(few, { top1Error: 0.5, top5Error: 0.5, notFinite: 1 })
  t.strictSame(
    ranked(Float32Array.of(Number.NaN, 0.2, 0.7), 3).map(({ label }) => label),
    [2, 1, 0]
  )
  const logs = [0.4, 0.03, 0.2, 0.1].map((p) => -Math.log(p))
  t.ok(Math.abs(scores.loss - logs.reduce((sum, log) => sum + log) / 4) < 1e-6)
  t.strictSame(scores.confusions(1), [{ truth: 'b', predicted: 'a', images: 1 }])
  t.equal(scores.confusions().length, 3)
  t.match(scores.perClass[5], { name: 'f', images: 1, top1Error: 1, top5Error: 1 })
  t.match(scores.perClass[2], { images: 0, top1Error: Number.NaN })
  const lines = scores.csv().split('\n')
  t.equal(lines[0], 'truth,a,b,c,d,e,f,"g,""h"""')
  t.equal(lines[7], '"g,""h""",1,0,0,0,0,0,0')
  t.strictSame(ranked(Float32Array.of(0.25, 0.5, 0.25), 2), [
    { label: 1, probability: 0.5 },
    { label: 0, probability: 0.25 }
  ])
})

t.test('kernels as a picture', async (t) => {
  // Four kernels of one weight and three channels, in two towers.
  const data = Float32Array.of(1, 0, -1, 0.5, 0.5, 0.5, 0, 0, 0, -0.5, 1, 0)
  const weights = { shape: [4, 3, 1, 1], data }
  const sheet = filterSheet(weights, { towers: 2, zoom: 1 })
  const { width, height, channels } = sheet
  // Two a tower: kernels of one pixel, gaps of two, ten between towers.
  t.strictSame([height, width, channels], [2 + 2 * 3 + 10, 2 + 2 * 3, 3])
  const at = (y: number, x: number) => [...sheet.data.subarray((y * width + x) * 3).subarray(0, 3)]
  t.strictSame(at(2, 2), [255, 128, 0])
  t.strictSame(at(2, 5), [191, 191, 191])
  t.strictSame(at(2 + 3 + 10, 2), [128, 128, 128])
  t.strictSame(at(2 + 3 + 10, 5), [64, 255, 128])
  t.strictSame(at(0, 0), [255, 255, 255])
  const each = filterSheet(weights, { scale: 'each', zoom: 1 })
  t.strictSame([...each.data.subarray((2 * each.width + 5) * 3).subarray(0, 3)], [255, 255, 255])
  t.match(filterSheet({ shape: [2, 2, 1, 1], data: data.subarray(0, 4) }), { channels: 1 })
  t.equal(firstConvolution(cifar()), 'conv1')
  t.equal(towersOf(alexnet()), 2)
  t.equal(towersOf(cifar()), 1)
})

t.test('photographs in files', async (t) => {
  const dir = t.testdir({ a: { 'x.PNG': '', 'notes.txt': '' }, 'b.jpg': 'no picture' })
  const raw = { width: 4, height: 2, channels: 3 } as const
  const colours = [10, 20, 30].concat(Array(21).fill(0))
  await sharp(Uint8Array.from(colours), { raw }).png().toFile(join(dir, 'c.png'))
  const found = await findPictures(dir)
  const names = found.pictures.map(({ name }) => name)
  t.strictSame([found.folder, names], [dir, ['a/x.PNG', 'b.jpg', 'c.png']])
  t.match(await findPictures(join(dir, 'c.png')), { folder: dir, pictures: [{ name: 'c.png' }] })
  await t.rejects(findPictures(join(dir, 'none')), { name: 'DiskError' })

  const files = [...names, 'none.jpg', 'a'].map((name) => join(dir, name))
  for (const [channels, expected] of [
    [3, [10, 20, 30]],
    [1, [18]]
  ] as const) {
    const set = photoFiles(files, { height: 2, width: 4, channels })
    const images = new Uint8Array(5 * 8 * channels).fill(9)
    const labels = new Int32Array(5)
    await set.read(Uint32Array.of(2, 1, 0, 3, 4), images, labels)
    t.strictSame([...images.subarray(0, channels)], expected)
    t.ok(images.subarray(8 * channels).every((byte) => byte === 0))
    t.match([...set.failures].sort(), [
      [0, /is empty/],
      [1, /is of no kind known/],
      [3, /^is not there$/],
      [4, /^is a folder, no file$/]
    ])
  }
  t.throws(() => photoFiles(files, { height: 2, width: 4, channels: 2 }), { message: /1 or 3/ })
})

t.test(
  'one finder for all commands: links, hidden files, pipes, other formats, tars',
  async (t) => {
    const dir = t.testdir({
      a: { '1.jpg': '', '.2.jpg': '', 'notes.txt': '' },
      '.hidden': { '3.jpg': '' },
      'b.gif': ''
    })
    execFileSync('mkfifo', [join(dir, 'pipe.jpg')])
    symlinkSync('a', join(dir, 'linked'))
    symlinkSync('/nowhere', join(dir, 'gone.jpg'))
    writeFileSync(join(dir, 'in.tar'), await tarOf({ '4.jpg': 'tar' }))
    const found = await findPictures(dir)
    const names = ['a/1.jpg', 'b.gif', 'gone.jpg', 'in/4.jpg', 'linked/1.jpg', 'pipe.jpg']
    t.strictSame(
      found.pictures.map(({ name }) => name),
      names
    )
    t.match(found.notes, [/^1 hidden folder .*: \.hidden\.$/, /^2 hidden pictures /])
    const set = pictureSet(found.pictures, { height: 2, width: 2, channels: 1 })
    await set.read(Uint32Array.from(names.keys()), new Uint8Array(24), new Int32Array(6))
    t.match([...set.failures].sort(), [
      [0, /^is empty/],
      [1, /^is empty/],
      [2, 'is a link to nothing'],
      [3, /^is of no kind known/],
      [4, /^is empty/],
      [5, 'is a pipe, no file']
    ])
    await found.close()
    const pipe = photoFiles([join(dir, 'pipe.jpg')], { height: 2, width: 2, channels: 3 })
    await pipe.read(Uint32Array.of(0), new Uint8Array(12), new Int32Array(1))
    t.strictSame([...pipe.failures], [[0, 'is a pipe, no file']])
  }
)

t.test('classes of one name: by place where the lists are equal, else refused', (t) => {
  const twice = ['crane', 'owl', 'crane']
  const data = { name: 'birds', height: 2, width: 2, channels: 3, mean: [0], std: [1] }
  const set = (classes: readonly string[], channels = 3): ImageSet => ({
    ...data,
    length: 3,
    channels,
    classes,
    read: async (indices, images, labels) => {
      for (const [i, index] of indices.entries()) labels[i] = index
      images.fill(200)
    }
  })
  const labels = async (classes: readonly string[], own: readonly string[]) => {
    const one = suited(set(classes), { ...data, classes: own })
    await one.read(Uint32Array.of(0, 1, 2), new Uint8Array(36), new Int32Array(3))
    return [...one.truth]
  }
  t.resolveMatch(labels(twice, twice), [0, 1, 2])
  t.resolveMatch(labels(['a', 'b', 'c'], ['c', 'b', 'a']), [2, 1, 0])
  const other = { name: 'DataError', message: /several classes named crane/ }
  t.rejects(labels(['owl', 'crane', 'crane'], twice), other)
  t.rejects(labels(['owl', 'crane'], twice), other)
  t.rejects(labels(['owl', 'fox'], twice), { message: /with 'fox' among them/ })
  t.match(classPlaces(twice, ['owl', 'crane']), { twice: ['crane'] })

  t.test('a net of one channel takes colours as grey', async (t) => {
    const grey = suited(set(['a', 'b', 'c']), { ...data, channels: 1, classes: ['a', 'b', 'c'] })
    const images = new Uint8Array(12)
    await grey.read(Uint32Array.of(0, 1, 2), images, new Int32Array(3))
    t.strictSame([...images], Array(12).fill(200))
    t.equal(grey.channels, 1)
    t.throws(() => suited(set(['a'], 1), { ...data, classes: ['a'] }), { message: /of 3 channels/ })
  })
  t.end()
})
