// From pictures to a prepared folder and back: what comes out, the same bytes every time, going on
// after an interruption, and what happens to files and disks that are not as they should be.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  copyFile,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { decodePhoto } from '../lib/data/photos/decode.ts'
import { openPhotos, type PhotoSet } from '../lib/data/photos/open.ts'
import { type PrepareOptions, prepare } from '../lib/data/photos/prepare/prepare.ts'
import { byReason } from '../lib/data/photos/prepare/reasons.ts'
import { defaultSplit } from '../lib/use/split.ts'
import { fillUp, noSmallDisk, smallDisk } from './disks.ts'
import { counting, writeSet } from './idx-files.ts'
import { classFiles, picture, writeFiles } from './photo-files.ts'

const size = 16
const bytes = size * size * 3

/** Hashes of all files of a folder, by name. */
async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of (await readdir(folder)).sort()) {
    const content = await readFile(join(folder, name))
    found[name] = createHash('sha256').update(content).digest('hex')
  }
  return found
}

/** All images of a set, and their labels. */
async function all(set: PhotoSet) {
  const images = new Uint8Array(set.length * bytes)
  const labels = new Int32Array(set.length)
  await set.read(
    Uint32Array.from({ length: set.length }, (_, i) => i),
    images,
    labels
  )
  return { images, labels: [...labels] }
}

const names = (set: PhotoSet) => Array.from({ length: set.length }, (_, i) => set.name(i))

t.test('a folder of classes, in parts', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'pets'), {
    ...(await classFiles({ 'train/cat': 3, 'train/dog': 2, 'val/cat': 1, 'val/dog': 2 })),
    'train/readme.txt': 'of no concern'
  })
  const out = join(folder, 'out')
  const { manifest, resumed } = await prepare(source, out, { size })
  t.match(manifest, {
    name: 'pets',
    kind: 'a folder of classes, in parts',
    classes: ['cat', 'dog'],
    form: 'raw',
    height: size,
    width: size,
    channels: 3,
    skipped: [],
    train: { images: 5 },
    test: { images: 3 },
    testing: "the source's own test part"
  })
  t.equal(resumed, 0)
  await using data = await openPhotos(out)
  t.match(data, { name: 'pets', source: `prepared in ${out}`, classes: ['cat', 'dog'] })
  t.same(names(data.test), ['val/cat/0.jpg', 'val/dog/0.jpg', 'val/dog/1.jpg'])
  const { images, labels } = await all(data.train)
  t.same(labels, [0, 0, 0, 1, 1])
  for (const [i, name] of names(data.train).entries()) {
    const { data: wanted } = await decodePhoto(join(source, name), { size })
    t.ok(
      wanted.every((value, k) => images[i * bytes + k] === value),
      name
    )
  }
  const swapped = new Uint8Array(2 * bytes)
  const two = new Int32Array(2)
  await data.train.read(Uint32Array.of(4, 0), swapped, two)
  t.same([...two], [1, 0])
  t.ok(Buffer.from(swapped.subarray(bytes)).equals(images.subarray(0, bytes)), 'in any order')
  await t.rejects(data.train.read(Uint32Array.of(5), swapped, two), RangeError)
})

t.test('statistics are those of the training images', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 12, b: 12 }))
  await prepare(source, join(folder, 'out'), { size })
  await using data = await openPhotos(join(folder, 'out'))
  t.match(data.manifest.testing, /every 10th image of each class is held out/)
  t.equal(defaultSplit(data, false), 'all', 'a list, or a folder without a test part')
  t.equal(defaultSplit(data, true), 'test', 'whose other images were trained on')
  t.equal(defaultSplit({ ...data, heldOut: false }, false), 'test')
  t.same([data.train.length, data.test.length], [22, 2])
  t.same(names(data.test), ['a/7.jpg', 'b/7.jpg'], 'the tenth of the sorted names')
  const { images } = await all(data.train)
  const count = images.length / 3
  const at = (i: number, c: number) => images[3 * i + c] ?? 0
  const mean = [0, 1, 2].map((c) => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += at(i, c)
    return sum / count
  })
  const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b))
  const covariance = (a: number, b: number) => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += (at(i, a) - mean[a]!) * (at(i, b) - mean[b]!)
    return sum / count
  }
  for (const c of [0, 1, 2]) {
    t.ok(close(data.mean[c]! * 255, mean[c]!))
    t.ok(close(data.std[c]! * 255, Math.sqrt(covariance(c, c))))
  }
  const { eigenvalues = [], eigenvectors = [] } = data.train.colours ?? {}
  t.ok(eigenvalues[0]! > eigenvalues[1]! && eigenvalues[1]! > eigenvalues[2]!)
  for (const [k, vector] of eigenvectors.entries()) {
    for (const a of [0, 1, 2]) {
      const image = [0, 1, 2].reduce((sum, b) => sum + covariance(a, b) * vector[b]!, 0)
      t.ok(Math.abs(image - eigenvalues[k]! * vector[a]!) < 1e-7, `component ${k}, channel ${a}`)
    }
  }
  const { meanImage = new Float32Array() } = data.train
  t.equal(meanImage.length, bytes)
  let sum = 0
  for (let i = 0; i < data.train.length; i++) sum += images[i * bytes + 77] ?? 0
  t.equal(meanImage[77], Math.fround(sum / data.train.length))
})

t.test('the same files give the same bytes, as raw and as JPEG', async (t) => {
  const folder = t.testdir()
  const files = await classFiles({ a: 14, b: 9 })
  const source = await writeFiles(join(folder, 'in'), { ...files, 'b/bad.jpg': 'no picture' })
  const again = join(folder, 'elsewhere', 'in')
  await cp(source, again, { recursive: true })
  for (const store of ['raw', 'jpeg'] as const) {
    const options = { size, store, shardBytes: 3000 }
    await prepare(source, join(folder, `${store}-1`), { ...options, atOnce: 1 })
    await prepare(again, join(folder, `${store}-9`), { ...options, atOnce: 9 })
    const first = await hashes(join(folder, `${store}-1`))
    t.same(await hashes(join(folder, `${store}-9`)), first)
    t.ok(Object.keys(first).length > 5, 'in several shards')
  }
  await using raw = await openPhotos(join(folder, 'raw-1'))
  await using jpeg = await openPhotos(join(folder, 'jpeg-1'))
  t.equal(jpeg.manifest.quality, 90)
  const [wanted, got] = [await all(raw.train), await all(jpeg.train)]
  t.same(got.labels, wanted.labels)
  const off = wanted.images.reduce((sum, value, i) => sum + Math.abs(value - got.images[i]!), 0)
  t.ok(off > 0 && off / wanted.images.length < 12, `${off / wanted.images.length} off on average`)
})

t.test('what cannot be used is skipped and named, and nothing is fatal', async (t) => {
  const folder = t.testdir()
  const whole = await picture(1, { width: 400, height: 300 })
  const source = await writeFiles(join(folder, 'in'), {
    ...(await classFiles({ a: 2, b: 1 }, 10)),
    'a/png.jpg': await picture(2, { kind: 'png' }),
    'a/no-kind': await picture(3, { kind: 'webp' }),
    'a/copy.jpg': await picture(10),
    'b/copy.jpg': await picture(11),
    'b/empty.jpg': '',
    'b/large.png': await picture(5, { width: 300, height: 300, kind: 'png' }),
    'b/text.jpg': 'not a picture',
    'b/short.jpg': whole.subarray(0, whole.length / 2),
    'beside.jpg': await picture(6),
    'notes.txt': 'nothing'
  })
  await symlink('nowhere', join(source, 'b/gone.jpg'))
  await mkdir(join(source, 'c'))
  const { manifest } = await prepare(source, join(folder, 'out'), { size, maxPixels: 50_000 })
  t.same(
    manifest.skipped.map(({ file, reason }) => [file, reason.replace(/ \(.*/, '')]),
    [
      ['beside.jpg', 'has no class: it lies beside the folders of classes'],
      ['a/copy.jpg', 'has the same bytes as a/0.jpg'],
      ['b/copy.jpg', 'has the same bytes as a/1.jpg, whose class is a'],
      ['b/empty.jpg', 'is empty'],
      ['b/gone.jpg', 'is a link to nothing'],
      ['b/large.png', 'has 300×300 pixels, more than 50000 in all'],
      ['b/short.jpg', 'has 400×300 pixels, more than 50000 in all'],
      ['b/text.jpg', 'is of no kind known here']
    ]
  )
  await using data = await openPhotos(join(folder, 'out'))
  t.same(names(data.train), ['a/0.jpg', 'a/1.jpg', 'a/no-kind', 'a/png.jpg', 'b/0.jpg'])
  t.same(manifest.notes, [
    'The folder c is empty: it is no class.',
    '1 class has one training picture: b.'
  ])

  const kept = await prepare(source, join(folder, 'kept'), { size, duplicates: true })
  t.equal(kept.manifest.train.images, 8)
  t.match(
    kept.manifest.skipped.find(({ file }) => file === 'b/short.jpg'),
    {
      reason: /^is truncated or damaged/
    }
  )
})

t.test(
  'classes without a usable picture, JPEGs without an end, and reasons by count',
  async (t) => {
    const folder = t.testdir()
    const ended = await picture(40, { width: 200, height: 150 })
    const { loadSharp } = await import('../lib/data/photos/sharp.ts')
    const progressive = await (await loadSharp())(ended).jpeg({ progressive: true }).toBuffer()
    const source = await writeFiles(join(folder, 'in'), {
      ...(await classFiles({ 'train/a': 2, 'train/b': 2, 'val/a': 1 })),
      'train/a/end.jpg': ended.subarray(0, -2),
      'train/a/half.jpg': ended.subarray(0, -1),
      'train/b/short.jpg': ended.subarray(0, -40),
      'train/a/scans.jpg': progressive.subarray(0, -2),
      'train/b/scan.jpg': progressive.subarray(0, progressive.lastIndexOf(Buffer.of(255, 218))),
      'train/b/shorter.jpg': progressive.subarray(0, -40),
      'train/b/1-empty.jpg': '',
      'train/b/2-empty.jpg': '',
      'train/c/no.jpg': 'no picture'
    })
    const { manifest } = await prepare(source, join(folder, 'out'), { size })
    t.same(manifest.notes, [
      '3 JPEGs lack their end marker, and are used: train/a/end.jpg, train/a/half.jpg, train/a/scans.jpg.',
      '1 class has no usable training picture: c.',
      '2 classes have no picture in the test part: b, c.'
    ])
    t.same(manifest.classes, ['a', 'b', 'c'])
    t.equal(manifest.train.images, 7)
    t.same(byReason(manifest.skipped), [
      '3 × is truncated or damaged: train/b/scan.jpg, train/b/short.jpg, train/b/shorter.jpg',
      '2 × is empty (0 bytes): train/b/1-empty.jpg, train/b/2-empty.jpg',
      '1 × is of no kind known here: train/c/no.jpg'
    ])
  }
)

t.test('reasons are the same without names, lines and sizes', (t) => {
  const reasons = [
    'has the same bytes as a/1.jpg',
    'has the same bytes as b/1.jpg',
    'has the same bytes as b/1.jpg, whose class is b',
    'its class x is not in the training part',
    'its class y is not in the training part',
    'is not there, though line 3 of l.csv names it',
    'is not there, though line 4 of l.csv names it',
    'has 300×300 pixels, more than 50 in all'
  ]
  t.same(byReason(reasons.map((reason, i) => ({ file: String(i), reason }))), [
    '2 × has the same bytes as another: 0, 1',
    '2 × its class is not in the training part: 3, 4',
    '2 × is not there, though a line of l.csv names it: 5, 6',
    '1 × has the same bytes as another, of another class: 2',
    '1 × is too large: 7'
  ])
  t.end()
})

t.test('a class with one image, and nothing that can be used', async (t) => {
  const folder = t.testdir()
  const one = await writeFiles(join(folder, 'one'), await classFiles({ a: 3, b: 1 }))
  const { manifest } = await prepare(one, join(folder, 'out'), { size })
  t.same(manifest.notes, ['1 class has one training picture: b.'])
  t.notOk(manifest.test)
  t.match(manifest.testing, /tested on all$/)
  const alike = await writeFiles(join(folder, 'alike'), {
    'n01440764_1.jpg': await picture(1),
    'n01440764_2.jpg': await picture(2)
  })
  t.same((await prepare(alike, join(folder, 'out-alike'), { size })).manifest.notes, [
    'All images are of one class: there is nothing to tell apart.'
  ])

  const none = await writeFiles(join(folder, 'none'), { 'a/1.jpg': '', 'b/2.jpg': 'text' })
  await t.rejects(prepare(none, join(folder, 'out-none'), { size }), {
    name: 'DataError',
    message:
      '[photos] none: expected at least one image that can be used, got 2 that cannot;' +
      ' the first, a/1.jpg, is empty (0 bytes)'
  })
  t.same(await readdir(join(folder, 'out-none')), [])
})

t.test('an interrupted preparation goes on, to the same bytes', async (t) => {
  const folder = t.testdir()
  const files = await classFiles({ a: 15, b: 15 })
  const source = await writeFiles(join(folder, 'in'), {
    ...files,
    'a/zero.jpg': '',
    'b/9-copy.jpg': files['a/0.jpg'] ?? ''
  })
  const options: PrepareOptions = { size, shardBytes: 4000, atOnce: 3 }
  await prepare(source, join(folder, 'whole'), options)
  const wanted = await hashes(join(folder, 'whole'))

  const out = join(folder, 'out')
  for (const stopAt of [1, 9, 20, 31]) {
    const abort = new AbortController()
    const reason = new Error('stop')
    const stopped = prepare(source, out, {
      ...options,
      signal: abort.signal,
      onProgress: (done) => {
        if (done === stopAt) abort.abort(reason)
      }
    })
    await t.rejects(stopped, reason)
    t.ok(existsSync(join(out, 'progress.json')))
    t.notOk(existsSync(join(out, 'dataset.json')))
    await t.rejects(openPhotos(out), {
      message:
        `[photos] ${out}: expected a prepared folder (dataset.json), got one whose preparation was` +
        ' interrupted: run the same alexnode prepare again, which goes on'
    })
  }
  // What a process that was killed leaves beside whole shards.
  await writeFile(join(out, '.train-00007.shard.writing-0123456789ab'), 'half')
  const notices: string[] = []
  const onNotice = (text: string) => notices.push(text)
  const { resumed } = await prepare(source, out, { ...options, atOnce: 8, onNotice })
  t.ok(resumed > 20, `${resumed} were done before`)
  t.same(notices, [`It goes on after ${resumed} images that were done before.`])
  t.same(await hashes(out), wanted)
  t.equal((await prepare(source, out, options)).resumed, 30, 'and once more, nothing is done')
})

t.test('an altered shard, or other files, and it begins again', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 9, b: 9 }))
  const options = { size, shardBytes: 4000 }
  await prepare(source, join(folder, 'whole'), options)
  const wanted = await hashes(join(folder, 'whole'))
  const out = join(folder, 'out')
  const cut = async () => {
    await rm(out, { recursive: true, force: true })
    const abort = new AbortController()
    const onProgress = (done: number) => done === 14 && abort.abort(new Error('stop'))
    await t.rejects(prepare(source, out, { ...options, signal: abort.signal, onProgress }))
  }
  const finish = async (more = {}) => {
    const notices: string[] = []
    await prepare(source, out, { ...options, ...more, onNotice: (text) => notices.push(text) })
    return notices
  }
  await cut()
  await truncate(join(out, 'train-00000.shard'), 100)
  t.same(await finish(), ['The shard train-00000.shard is not as it was written: it begins again.'])
  t.same(await hashes(out), wanted)
  await cut()
  await writeFile(join(out, 'progress.json'), '{ "plan"')
  t.same(await finish(), ['What was begun there was of other files or options: it begins again.'])
  t.same(await hashes(out), wanted)
  await cut()
  const progress = join(out, 'progress.json')
  const text = await readFile(progress, 'utf8')
  await writeFile(progress, text.replace(/"products": \[\s+"\d+"/, '"products": ["many"'))
  t.same((await finish()).length, 1, 'statistics that are none')
  t.same(await hashes(out), wanted)
  await cut()
  t.same((await finish({ size: 8 })).length, 1)
  await using data = await openPhotos(out)
  t.equal(data.train.height, 8)
})

t.test('a folder that holds something else is left alone', async (t) => {
  const folder = t.testdir({ other: { 'thesis.txt': 'mine' } })
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 1, b: 1 }))
  await t.rejects(prepare(source, join(folder, 'other'), { size }), {
    message: `[photos] ${folder}/other: expected a new or empty folder, got one that holds thesis.txt; choose another folder`
  })
  for (const wrong of [0, 2049, 1.5, Number.NaN]) {
    await t.rejects(prepare(source, join(folder, 'large'), { size: wrong }), {
      name: 'DataError',
      message: `[photos] size: expected a whole number from 1 to 2048, got ${wrong}`
    })
  }
  if (process.platform === 'linux') {
    const nowhere = prepare(source, '/proc/alexnode/out', { size })
    await t.rejects(nowhere, { name: 'DiskError', code: 'ENOENT' })
  }
  await prepare(source, join(folder, 'out', 'deep'), { size })
  await rm(join(folder, 'out'), { recursive: true })
  await prepare(source, join(folder, 'out'), { size })
  await t.rejects(prepare(source, join(folder, 'out'), { size: 8 }), {
    message: `[photos] ${folder}/out: expected a new folder, got one that holds in, prepared from other files or with other options; choose another folder, or remove it`
  })
  for (const out of [source, join(source, 'out')]) {
    await t.rejects(prepare(source, out, { size }), { message: /got one inside/ })
  }
})

t.test('damage is told by name, when opened or when read', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 3, b: 3 }))
  const good = join(folder, 'good')
  await prepare(source, good, { size, shardBytes: 2500 })
  const shard = 'train-00001.shard'
  const length = (await readFile(join(good, shard))).length
  const damaged = async (name: string, act: (path: string) => Promise<void>, file = shard) => {
    const out = join(folder, name)
    await cp(good, out, { recursive: true })
    await act(join(out, file))
    return out
  }
  const flip = (at: number) => async (path: string) => {
    const handle = await open(path, 'r+')
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at)
    await handle.write(Buffer.of((buffer[0] ?? 0) ^ 0x10), 0, 1, at)
    await handle.close()
  }
  const mend = 'fetch the shard again, or remove the folder and prepare the set again'
  const cases = [
    [
      'cut',
      (path: string) => truncate(path, length - 1),
      `expected a shard of ${length} bytes, got ${length - 1}: it was cut short; ${mend}`
    ],
    ['gone', (path: string) => rm(path), `expected a shard of ${length} bytes, got none; ${mend}`],
    [
      'header',
      flip(3),
      `expected a shard, which begins with 'alexnode shard 1' and its sizes, got other bytes`
    ],
    ['index', flip(530), 'expected an index with the checksum']
  ] as const
  for (const [name, act, message] of cases) {
    const out = await damaged(name, act)
    const error = await openPhotos(out).catch((error: unknown) => error)
    t.match(error, { name: 'DamagedFileError' })
    t.ok(String(error).includes(`[photos] ${out}/${shard}: ${message}`), String(error))
  }

  const out = await damaged('image', flip(4096 + 5))
  await using data = await openPhotos(out)
  const images = new Uint8Array(bytes)
  const labels = new Int32Array(1)
  const read = (i: number) => data.train.read(Uint32Array.of(i), images, labels)
  const first = data.manifest.train.shards[0]?.images ?? 0
  await read(0)
  for (let k = 0; k < 2; k++) {
    await t.rejects(read(first), {
      name: 'DamagedFileError',
      message: new RegExp(
        `^\\[photos\\] ${out}/${shard}, image ${first} \\(.*\\): expected the checksum \\d+, got \\d+: it was altered; ${mend}$`
      )
    })
  }
  const noMean = await damaged('no-mean', (path) => rm(path), 'mean-image.f32')
  await t.rejects(openPhotos(noMean), {
    name: 'DamagedFileError',
    message: `[photos] ${noMean}/mean-image.f32: expected the mean image, got none; prepare the set again`
  })
  const mean = await damaged('mean', flip(9), 'mean-image.f32')
  await t.rejects(openPhotos(mean), { message: /mean-image.f32: expected the SHA-256 .* altered/ })
  const manifest = await damaged('manifest', (path) => truncate(path, 50), 'dataset.json')
  await t.rejects(openPhotos(manifest), { name: 'DamagedFileError' })
  await copyFile(join(source, 'a/0.jpg'), join(folder, 'a.jpg'))
  await t.rejects(openPhotos(source), { message: /expected a prepared folder .* got none; run/ })
})

t.test(
  'small pictures of one size keep it, and pixels that are ready stay as they are',
  async (t) => {
    const folder = t.testdir()
    const small = { 'a/1.png': 1, 'a/2.png': 2, 'b/3.png': 3, 'b/4.png': 4 }
    const files: Record<string, Buffer> = {}
    for (const [name, seed] of Object.entries(small)) {
      files[name] = await picture(seed, { width: 20, height: 24, kind: 'png' })
    }
    const source = await writeFiles(join(folder, 'small'), files)
    const { manifest } = await prepare(source, join(folder, 'kept'))
    t.match(manifest, { height: 24, width: 20, form: 'raw' })
    await writeFiles(source, { 'b/5.png': await picture(5, { kind: 'png' }) })
    const warped = await prepare(source, join(folder, 'warped'), { fit: 'warp' })
    t.match(warped.manifest, { height: 256, width: 256, fit: 'warp' })

    const idx = await writeSet(join(folder, 'digits'))
    await prepare(idx, join(folder, 'out'))
    await using data = await openPhotos(join(folder, 'out'))
    const shape = { height: 4, width: 3, channels: 1 }
    t.match(data, { name: 'digits', train: { length: 12, ...shape }, test: { length: 5 } })
    const images = new Uint8Array(24)
    const labels = new Int32Array(2)
    await data.train.read(Uint32Array.of(11, 2), images, labels)
    t.same([...images], [...counting(144).slice(132), ...counting(144).slice(24, 36)])
    t.same([...labels], [1, 2])
    t.equal(data.train.colours, undefined)
    await t.rejects(prepare(idx, join(folder, 'jpeg'), { store: 'jpeg' }), {
      message: '[photos] digits: expected colour images for JPEG, got grey ones; store them raw'
    })
    await t.rejects(prepare(idx, join(folder, 'size'), { size: 9 }), {
      message: '[photos] digits: expected its own size, 4×3, got 9; leave the size out'
    })
  }
)

t.test('an enormous file is not read at all', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 1, b: 1 }))
  const enormous = await open(join(source, 'b/enormous.jpg'), 'w')
  await enormous.truncate(2 ** 40)
  await enormous.close()
  const { manifest } = await prepare(source, join(folder, 'out'), { size })
  const reason = 'has 1099511627776 bytes, more than 268435456'
  t.same(manifest.skipped, [{ file: 'b/enormous.jpg', reason }])
})

const samples = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
const skip = !process.env.ALEXNODE_DATA
  ? 'ALEXNODE_DATA names no folder'
  : !existsSync(samples) && `there is no ${samples}`

t.test('146 real photographs', { skip }, async (t) => {
  const out = join(t.testdir(), 'out')
  const { manifest } = await prepare(samples, out, { size, store: 'jpeg' })
  t.match(manifest, { train: { images: 146 }, skipped: [], notes: [] })
  await using data = await openPhotos(out)
  const { images, labels } = await all(data.train)
  t.same(labels, [...labels.keys()])
  const isGrey = (i: number) => {
    for (let at = i * bytes; at < (i + 1) * bytes; at += 3) {
      const [r = 0, g = 0, b = 0] = images.subarray(at, at + 3)
      if (Math.max(r, g, b) - Math.min(r, g, b) > 2) return false
    }
    return true
  }
  t.ok(labels.filter(isGrey).length >= 4, 'four of them are grey')
  // The first component of photographs is brightness: all its parts have one sign.
  t.ok(data.train.colours?.eigenvectors[0]?.every((part) => part > 0.5 && part < 0.65))
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 20, b: 20 }))
  const out = join(smallDisk(t, 160), 'out')
  await mkdir(out)
  const options = { size: 32, shardBytes: 20_000 }
  const free = fillUp(join(out, '..'))
  await t.rejects(prepare(source, out, options), { name: 'DiskError', message: /the disk is full/ })
  free()
  // Room for some shards and not for all: 3 KiB an image.
  await t.rejects(prepare(source, out, options), {
    name: 'DiskError',
    message:
      /^\[file\] cannot write .*(train-0000\d\.shard|progress\.json): the disk is full \(ENOSPC\)/
  })
  const left = await readdir(out)
  t.ok(left.includes('progress.json') && left.includes('train-00000.shard'))
  t.notOk(
    left.some((name) => name.startsWith('.') || name === 'dataset.json'),
    String(left)
  )
})
