import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { DataError } from '../lib/data/dataset.ts'
import { fashionClasses, findIdxFolder, loadIdxFolder } from '../lib/data/idx/folder.ts'
import { readIdx } from '../lib/data/idx/idx.ts'
import { counting, idx, smallSet, writeSet } from './idx-files.ts'

const mend = 'delete the file and fetch it again'
const images = idx([2, 3, 4], counting(24))

t.test('readIdx reads plain and gzipped files, known by content', async (t) => {
  const folder = t.testdir({ plain: images, 'plain.gz': images, packed: gzipSync(images) })
  for (const name of ['plain', 'plain.gz', 'packed']) {
    const { dims, data } = await readIdx(join(folder, name), { rank: 3 })
    t.same(dims, [2, 3, 4], name)
    t.same([...data], counting(24), name)
  }
  const two = Buffer.concat([gzipSync(images.subarray(0, 20)), gzipSync(images.subarray(20))])
  await writeFile(join(folder, 'two'), two)
  t.same([...(await readIdx(join(folder, 'two'), { rank: 3 })).data], counting(24), 'two members')
})

t.test('readIdx lets the event loop run, and can be stopped', async (t) => {
  const size = 1 << 22
  const large = Buffer.alloc(8 + size)
  idx([size], []).copy(large)
  const folder = t.testdir({ large: gzipSync(large) })
  let turns = 0
  let done = false
  const reading = readIdx(join(folder, 'large'), { rank: 1 }).finally(() => {
    done = true
  })
  while (!done) {
    await setImmediate()
    turns++
  }
  t.equal((await reading).data.length, size)
  t.ok(turns > 8, `${turns} turns`)

  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(readIdx(join(folder, 'large'), { rank: 1, signal }), { message: 'enough' })
})

const zipped = gzipSync(images)
const broken = Buffer.from(zipped)
broken[broken.length - 6]! ^= 1
const huge = Buffer.from(images.subarray(0, 16))
huge.writeUInt32BE(0x7fffffff, 4)

const wrongFiles: readonly (readonly [string, Buffer, string])[] = [
  [
    'empty',
    Buffer.alloc(0),
    `expected a header of 16 bytes, got 0: the file is truncated; ${mend}`
  ],
  [
    'cut in the header',
    images.subarray(0, 10),
    `expected a header of 16 bytes, got 10: the file is truncated; ${mend}`
  ],
  [
    'cut in the values',
    images.subarray(0, 30),
    `expected 2×3×4 = 24 bytes after the header, got 14: the file is truncated; ${mend}`
  ],
  [
    'bytes at the end',
    Buffer.concat([images, Buffer.from('x')]),
    `expected 2×3×4 = 24 bytes after the header, got more; ${mend}`
  ],
  [
    'labels for images',
    idx([2], [1, 2]),
    'expected the magic number 0x00000803 (unsigned bytes, 3 dimensions), got 0x00000801;' +
      ' check that it is the right file'
  ],
  [
    'floats',
    Buffer.concat([Buffer.from([0, 0, 0x0d, 3]), images.subarray(4)]),
    'expected the magic number 0x00000803 (unsigned bytes, 3 dimensions), got 0x00000d03;' +
      ' check that it is the right file'
  ],
  [
    'a web page',
    Buffer.from('<!doctype html><p>Not found'),
    'expected the magic number 0x00000803 (unsigned bytes, 3 dimensions), got 0x3c21646f;' +
      ' check that it is the right file'
  ],
  ['no rows', idx([2, 0, 4], []), `expected dimensions from 1, got 2×0×4; ${mend}`],
  [
    'a header that promises too much',
    huge,
    'expected at most 16 bytes in a file of this size,' +
      ` got a header that promises 2147483647×3×4; ${mend}`
  ],
  ['gzip cut', zipped.subarray(0, -12), `expected a whole gzip file, got a truncated one; ${mend}`],
  [
    'gzip with a wrong sum',
    broken,
    `expected a whole gzip file, got a damaged one (incorrect data check); ${mend}`
  ],
  [
    'gzip with something after it',
    Buffer.concat([zipped, Buffer.alloc(3)]),
    `expected a gzip file of ${zipped.length} bytes, got ${zipped.length + 3}:` +
      ` something follows its end; ${mend}`
  ],
  [
    'gzip with too much in it',
    gzipSync(Buffer.concat([images, images])),
    `expected 2×3×4 = 24 bytes after the header, got more; ${mend}`
  ],
  [
    'gzip with too little in it',
    gzipSync(images.subarray(0, 20)),
    `expected 2×3×4 = 24 bytes after the header, got 4: the file is truncated; ${mend}`
  ]
]

t.test('readIdx refuses', async (t) => {
  for (const [name, bytes, message] of wrongFiles) {
    const path = join(t.testdir({ file: bytes }), 'file')
    await t.rejects(readIdx(path, { rank: 3 }), new DataError(`[idx] ${path}: ${message}`), name)
  }
  const folder = t.testdir({ images })
  const path = join(folder, 'images')
  await t.rejects(readIdx(path, { rank: 1 }), {
    message:
      `[idx] ${path}: expected the magic number 0x00000801 (unsigned bytes, 1 dimension),` +
      ' got 0x00000803; check that it is the right file'
  })
  const gone = join(folder, 'gone')
  await t.rejects(
    readIdx(gone, { rank: 3 }),
    new DataError(
      `[idx] ${gone}: expected a file that can be read, got ENOENT; check the path and its rights`
    )
  )
  await t.rejects(readIdx(folder, { rank: 3 }), { name: 'DataError', message: /got EISDIR/ })
})

t.test('loadIdxFolder', async (t) => {
  const folder = t.testdir()
  for (const gzip of [false, true]) {
    const place = await writeSet(join(folder, gzip ? 'packed' : 'plain'), smallSet(), { gzip })
    const data = await loadIdxFolder(place)
    t.equal(data.name, gzip ? 'packed' : 'plain')
    t.equal(data.source, `found in ${place}`)
    t.same(data.classes, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    t.match(data.train, { length: 12, height: 4, width: 3, channels: 1, classes: data.classes })
    t.match(data.test, { length: 5, height: 4, width: 3, channels: 1, mean: data.mean })
    // The bytes are 0…143.
    t.ok(Math.abs(data.mean[0]! - 71.5 / 255) < 1e-12)
    t.ok(Math.abs(data.std[0]! - Math.sqrt((144 * 144 - 1) / 12) / 255) < 1e-12)

    const pixels = new Uint8Array(24)
    const labels = new Int32Array(2)
    await data.test.read(Uint32Array.of(4, 0), pixels, labels)
    t.same([...pixels], [...counting(60).slice(48), ...counting(12)])
    t.same([...labels], [5, 9])
  }
})

t.test('loadIdxFolder takes other spellings, plain files first', async (t) => {
  const place = await writeSet(join(t.testdir(), 'letters'), smallSet())
  const labels = idx([12], counting(12, 13))
  await writeSet(place, { 'train-labels.idx1-ubyte': Buffer.from('not this one') })
  await writeSet(place, { 'train-images-idx3-ubyte': Buffer.from('nor this') }, { gzip: true })
  t.equal((await loadIdxFolder(place)).train.length, 12)

  const files = smallSet()
  delete files['train-labels-idx1-ubyte']
  const dotted = await writeSet(join(t.testdir(), 'letters'), {
    ...files,
    'train-labels.idx1-ubyte': labels
  })
  const data = await loadIdxFolder(dotted)
  t.same(data.classes.length, 12, 'as many classes as the labels need')
})

t.test('Fashion-MNIST is known by its folder or by its labels', async (t) => {
  const named = await writeSet(join(t.testdir(), 'Fashion-MNIST'))
  t.match(await loadIdxFolder(named), { name: 'fashion-mnist', classes: fashionClasses })

  const first = [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9]
  const labels = [...first, ...counting(60_000 - first.length, 10)]
  const place = await writeSet(join(t.testdir(), 'clothes'), {
    ...smallSet(),
    'train-images-idx3-ubyte': idx([60_000, 4, 3], Buffer.alloc(720_000)),
    'train-labels-idx1-ubyte': idx([60_000], labels)
  })
  t.match(await loadIdxFolder(place), { name: 'fashion-mnist', classes: fashionClasses })
})

t.test('loadIdxFolder refuses files that do not belong together', async (t) => {
  const load = async (changed: Record<string, Buffer>, name = 'set') =>
    loadIdxFolder(await writeSet(join(t.testdir(), name), { ...smallSet(), ...changed }))
  const path = (name: string) => join(t.testdirName, 'set', name)

  await t.rejects(
    load({ 'train-labels-idx1-ubyte': idx([11], counting(11, 10)) }),
    new DataError(
      `[data] ${path('train-labels-idx1-ubyte')}: expected 12 labels, one for each image of` +
        ` ${path('train-images-idx3-ubyte')}, got 11; use files of one data set`
    )
  )
  await t.rejects(
    load({ 't10k-labels-idx1-ubyte': idx([6], counting(6)) }),
    new DataError(
      `[data] ${path('t10k-labels-idx1-ubyte')}: expected 5 labels, one for each image of` +
        ` ${path('t10k-images-idx3-ubyte')}, got 6; use files of one data set`
    )
  )
  await t.rejects(
    load({ 't10k-images-idx3-ubyte': idx([5, 3, 4], counting(60)) }),
    new DataError(
      `[data] ${path('t10k-images-idx3-ubyte')}: expected images of 4×3, as in` +
        ` ${path('train-images-idx3-ubyte')}, got 3×4; use files of one data set`
    )
  )
  await t.rejects(
    load({ 't10k-labels-idx1-ubyte': idx([5], [0, 1, 10, 2, 3]) }),
    new DataError(
      `[data] ${path('t10k-labels-idx1-ubyte')}: expected labels from 0 to 9 (10 classes),` +
        ' got 10 for image 2; correct the label or name more classes'
    )
  )
  await t.rejects(load({ 'train-labels-idx1-ubyte': idx([12], counting(12)) }, 'fashion'), {
    name: 'DataError',
    message: /expected labels from 0 to 9 \(10 classes\), got 10 for image 10/
  })
})

t.test('missing files are named', async (t) => {
  const { 'train-images-idx3-ubyte': train, 't10k-labels-idx1-ubyte': truth } = smallSet()
  const folder = await writeSet(join(t.testdir(), 'some'), {
    'train-images-idx3-ubyte': train!,
    't10k-labels-idx1-ubyte': truth!
  })
  await t.rejects(
    loadIdxFolder(folder),
    new DataError(
      `[data] ${folder}: expected four IDX files, missing train-labels-idx1-ubyte.gz,` +
        ' t10k-images-idx3-ubyte.gz; add what is missing (with or without .gz)'
    )
  )
})

t.test('findIdxFolder looks into a folder and into fashion-mnist in it', async (t) => {
  const folder = t.testdir({ file: 'x' })
  t.equal(await findIdxFolder(folder), undefined)
  t.equal(await findIdxFolder(join(folder, 'gone')), undefined)
  t.equal(await findIdxFolder(join(folder, 'file')), undefined)
  const inner = await writeSet(join(folder, 'fashion-mnist'))
  t.equal(await findIdxFolder(folder), inner)
  t.equal(await findIdxFolder(inner), inner)
})
