// Prepared images that threads bring to staging memory: the same as those that are read one by one, and
// what happens to shards that change while they are in use.
import { cp, open as openFile, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openPhotos, type PhotoSet } from '../lib/data/photos/open.ts'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { Loader, StoredFile } from '../lib/data/photos/stored/loader.ts'
import { open } from '../lib/engine/device.ts'
import { classFiles, writeFiles } from './photo-files.ts'

const size = 32
const bytes = size * size * 3
const folder = t.testdir()
const source = await writeFiles(join(folder, 'pets'), await classFiles({ cat: 6, dog: 6 }))
const device = await open('cpu')
t.teardown(() => device.close())

async function prepared(store: 'raw' | 'jpeg', name: string = store): Promise<string> {
  const out = join(folder, name)
  await prepare(source, out, { size, store })
  return out
}

/** What `load` brings for these images, and what `read` gives. */
async function both(set: PhotoSet, indices: Uint32Array) {
  using staging = device.staging(indices.length * bytes + 64)
  await using stream = device.stream()
  const labels = new Int32Array(indices.length)
  await set.load?.(indices, staging, 64, labels)
  const tensor = staging.tensor({ shape: [indices.length * bytes], dtype: 'u8', offset: 64 })
  const loaded = await stream.read(tensor)
  const images = new Uint8Array(indices.length * bytes)
  const wanted = new Int32Array(indices.length)
  await set.read(indices, images, wanted)
  return { loaded, images, labels, wanted }
}

for (const store of ['raw', 'jpeg'] as const) {
  t.test(`${store}: threads bring what reading gives`, async (t) => {
    await using data = await openPhotos(await prepared(store), { threads: 2 })
    const indices = Uint32Array.of(3, 0, 7, 7, 1)
    // Twice, since checksums are looked at only once.
    for (let time = 0; time < 2; time++) {
      const { loaded, images, labels, wanted } = await both(data.train, indices)
      t.same(labels, wanted)
      t.ok(Buffer.from(images).equals(Buffer.from(loaded.buffer)), 'the same bytes')
    }
  })
}

t.test('several batches at once, and more images than threads', async (t) => {
  await using data = await openPhotos(await prepared('jpeg'), { threads: 3 })
  const { train } = data
  const indices = Uint32Array.from({ length: train.length }, (_, i) => i)
  const all = await Promise.all([1, 2, 3, 4].map(() => both(train, indices)))
  for (const { loaded, images } of all) {
    t.ok(Buffer.from(images).equals(Buffer.from(loaded.buffer)))
  }
})

t.test('a shard that changes under way', async (t) => {
  const out = await prepared('raw', 'changing')
  const damaged = join(folder, 'altered')
  await cp(out, damaged, { recursive: true })
  await using data = await openPhotos(damaged)
  const [shard] = data.manifest.train.shards
  const path = join(damaged, shard?.file ?? '')
  using staging = device.staging(bytes)
  const labels = new Int32Array(1)
  const last = Uint32Array.of(data.train.length - 1)
  const file = await openFile(path, 'r+')
  await file.write(Uint8Array.of(1, 2, 3), 0, 3, (shard?.bytes ?? 0) - bytes)
  await file.close()
  await t.rejects(
    data.train.load?.(last, staging, 0, labels) ?? Promise.resolve(),
    /image \d+ \(.*\): .*expected the checksum \d+, got \d+: it was altered; fetch the shard again/
  )
  await truncate(path, 4096)
  await t.rejects(
    data.train.load?.(last, staging, 0, labels) ?? Promise.resolve(),
    /expected \d+ bytes at \d+, and the file has 4096: it was cut short; fetch/
  )
})

t.test('a manifest that is wrong is refused, and what is wrong is named', async (t) => {
  const out = await prepared('jpeg', 'channels')
  const path = join(out, 'dataset.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  for (const [wrong, message] of [
    [{ channels: 2 }, /channels: 1 or 3, got 2; prepare the set again/],
    [{ channels: 0 }, /channels: 1 or 3, got 0/],
    [{ channels: undefined }, /channels: 1 or 3, got none/],
    [{ height: 0 }, /height: a whole number from 1 to 65500, got 0/],
    [{ width: 65501 }, /width: a whole number from 1 to 65500, got 65501/],
    [{ format: 'alexnode photographs 2' }, /format: 'alexnode photographs 1', got "alexnode ph/],
    [{ mean: [0.5] }, /mean: a number for each of 3 channels, got 1/],
    [{ std: [0, 0, 0] }, /std\[0\]: a number above 0, got 0/],
    [{ train: { images: 1, shards: [{ file: '../x' }] } }, /train.shards\[0\].file: a plain file/]
  ] as const) {
    await writeFile(path, JSON.stringify({ ...manifest, ...wrong }))
    await t.rejects(openPhotos(out), { name: 'DamagedFileError', message })
    await t.rejects(openPhotos(out), { message: /^\[photos\] .*dataset.json: expected / })
  }
})

t.test('what a loader refuses', async (t) => {
  t.throws(() => new StoredFile(join(folder, 'none')), /none: No such file/)
  t.throws(() => new Loader(0), /threads: expected from 1 to 1024, got 0/)
  const path = `${await writeFiles(folder, { 'no.jpg': 'this is no picture' })}/no.jpg`
  using file = new StoredFile(path)
  using staging = device.staging(bytes)
  const format = { form: 'jpeg', height: size, width: size, channels: 3 } as const
  const record = Float64Array.of(file.id, 0, 18, -1)
  using loader = new Loader(1)
  await t.rejects(loader.load(record, format, staging), { name: 'LoadError', place: 0 })
  await t.rejects(loader.load(record, format, staging, 1), /do not fit/)
  const raw = { ...format, form: 'raw' } as const
  await t.rejects(loader.load(record, raw, staging), /expected records of 3072 bytes, got 18/)
  loader.close()
  await t.rejects(loader.load(record, format, staging), /the loader is closed/)
})

t.test('a loader that closes ends what has not begun', async (t) => {
  const out = await prepared('jpeg')
  const reason = /the loader was closed before this was read/
  // Its thread may be done before the close, however much there is to read on a busy machine: there is more each time.
  for (let batches = 3; ; batches *= 4) {
    const data = await openPhotos(out, { threads: 1 })
    const indices = Uint32Array.from({ length: data.train.length }, (_, i) => i)
    using staging = device.staging(indices.length * bytes)
    const labels = new Int32Array(indices.length)
    const loads = Array.from({ length: batches }, () =>
      data.train.load?.(indices, staging, 0, labels)
    )
    await data.close()
    const ends = await Promise.allSettled(loads)
    const states = ends.map(({ status }) => status)
    const read = states.filter((status) => status === 'fulfilled').length
    t.strictSame(
      states.map((_, i) => (i < read ? 'fulfilled' : 'rejected')),
      states,
      'batches are read in order'
    )
    for (const end of ends.slice(read)) t.match(end, { status: 'rejected', reason })
    if (read < batches) break
  }
})
