// Sets that are known by name: downloaded from a server on this machine, verified, cached, and read.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { pack } from 'tar-stream'
import { ZipFile } from 'yazl'
import { dataNames, openData } from '../lib/data/open.ts'
import { counting, idx, smallSet, writeSet } from './idx-files.ts'

delete process.env.ALEXNODE_DATA
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

/** Serves files by name; returns its address, what was asked for, and the files' MD5. */
async function serve(t: Test, files: Readonly<Record<string, Uint8Array>>) {
  const asked: string[] = []
  const server = createServer(({ url = '' }, response) => {
    const name = url.split('/').at(-1) ?? ''
    asked.push(name)
    const bytes = files[name]
    if (bytes) response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => server.close(resolve)))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no address')
  const md5 = Object.fromEntries(Object.entries(files).map(([name, it]) => [name, md5Of(it)]))
  return { mirrors: [`http://127.0.0.1:${address.port}/set/`], md5, asked }
}

const zipped = () =>
  Object.fromEntries(
    Object.entries(smallSet()).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)])
  )

for (const [name, first] of [
  ['mnist', '0'],
  ['fashion-mnist', 'T-shirt/top'],
  ['kmnist', 'o']
] as const) {
  t.test(`${name} is downloaded once`, async (t) => {
    const { asked, ...origin } = await serve(t, zipped())
    const cache = t.testdir()
    const data = await openData(name, { cache, ...origin })
    t.match(data, { name, source: /^downloaded from 127\.0\.0\.1:\d+ to / })
    t.equal(data.classes.length, 10)
    t.equal(data.classes[0], first)
    t.equal(data.train.length, 12)
    t.equal(asked.length, 4)
    const again = await openData(name, { cache, ...origin })
    t.match(again, { name, source: `found in ${join(cache, name)}` })
    t.equal(asked.length, 4, 'the cache is read')
  })
}

/** A .tar.gz of batches as CIFAR's publisher has them, of two images each. */
async function archive(folder: string, files: readonly string[], lead: number, names: string) {
  const tar = pack()
  const image = (label: number) =>
    Buffer.from(Array.from({ length: lead + 3072 }, (_, i) => (i < lead ? label : i % 256)))
  tar.entry({ name: `${folder}/`, type: 'directory' })
  for (const name of files)
    tar.entry({ name: `${folder}/${name}` }, Buffer.concat([image(1), image(2)]))
  tar.entry({ name: `${folder}/${names}` }, 'no such number of names\n')
  tar.finalize()
  return gzipSync(await buffer(tar))
}

const batches = [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin']
const cifar = {
  'cifar-10': {
    file: 'cifar-10-binary.tar.gz',
    bytes: await archive('cifar-10-batches-bin', batches, 1, 'batches.meta.txt')
  },
  'cifar-100': {
    file: 'cifar-100-binary.tar.gz',
    bytes: await archive('cifar-100-binary', ['train.bin', 'test.bin'], 2, 'fine_label_names.txt')
  }
}

for (const [name, { file, bytes }] of Object.entries(cifar)) {
  t.test(`${name} is downloaded and unpacked once`, async (t) => {
    const { asked, ...origin } = await serve(t, { [file]: bytes })
    const cache = join(t.testdir(), 'cache')
    const data = await openData(name, { cache, ...origin })
    t.match(data, { name, source: /^downloaded from / })
    t.equal(data.train.length, name === 'cifar-10' ? 10 : 2)
    t.equal(data.classes.length, name === 'cifar-10' ? 10 : 100)
    const pixels = new Uint8Array(3072)
    const labels = new Int32Array(1)
    await data.test.read(Uint32Array.of(1), pixels, labels)
    t.equal(labels[0], 2)
    const lead = name === 'cifar-10' ? 1 : 2
    t.strictSame([...pixels.subarray(0, 3)], [lead, (lead + 1024) % 256, (lead + 2048) % 256])
    t.notOk(existsSync(join(cache, name, file)), 'the archive is not kept')
    t.notOk(readdirSync(join(cache, name)).some((other) => /unpacked|part|tmp/.test(other)))
    await openData(name, { cache, ...origin })
    t.equal(asked.length, 1, 'the cache is read')

    // As when it was ended between the download and the unpacking.
    const other = t.testdir({ [name]: { [file]: bytes } })
    const again = await openData(name, { cache: other, ...origin })
    t.equal(again.train.length, data.train.length)
    t.equal(asked.length, 1, 'a whole archive is not asked for again')
  })
}

/** A zip archive of files. */
async function zip(files: Readonly<Record<string, Uint8Array>>): Promise<Buffer> {
  const archive = new ZipFile()
  for (const [name, bytes] of Object.entries(files)) archive.addBuffer(Buffer.from(bytes), name)
  archive.end()
  return buffer(archive.outputStream)
}

/** The files of EMNIST's letters: 3 + 2 images, 2 columns of 4 rows each, stored column by column. */
const letters: Readonly<Record<string, Buffer>> = {
  'emnist-letters-train-images-idx3-ubyte.gz': gzipSync(idx([3, 2, 4], counting(24))),
  'emnist-letters-train-labels-idx1-ubyte.gz': gzipSync(idx([3], [1, 26, 2])),
  'emnist-letters-test-images-idx3-ubyte.gz': gzipSync(idx([2, 2, 4], counting(16))),
  'emnist-letters-test-labels-idx1-ubyte.gz': gzipSync(idx([2], [3, 1]))
}
const within = (files: Readonly<Record<string, Uint8Array>>) =>
  Object.fromEntries(Object.entries(files).map(([name, it]) => [`gzip/${name}`, it]))
const md5s = (files: Readonly<Record<string, Uint8Array>>) =>
  Object.fromEntries(Object.entries(files).map(([name, it]) => [name, md5Of(it)]))

t.test('emnist-letters is downloaded once, turned, and counted from 0', async (t) => {
  const others = { 'emnist-digits-train-labels-idx1-ubyte.gz': Buffer.from('other') }
  const bytes = await zip(within({ ...others, ...letters }))
  const { asked, ...origin } = await serve(t, { 'gzip.zip': bytes })
  const options = { mirrors: origin.mirrors, md5: { ...origin.md5, ...md5s(letters) } }
  const cache = join(t.testdir(), 'cache')
  const data = await openData('emnist-letters', { cache, ...options })
  t.match(data, { name: 'emnist-letters', source: /^downloaded from 127\.0\.0\.1:\d+ to / })
  t.strictSame([data.classes.length, data.classes[0], data.classes[25]], [26, 'a', 'z'])
  t.match(data.train, { length: 3, height: 4, width: 2 })
  const pixels = new Uint8Array(8)
  const labels = new Int32Array(1)
  await data.train.read(Uint32Array.of(1), pixels, labels)
  t.equal(labels[0], 25)
  // Columns 8 9 10 11 and 12 13 14 15, row by row.
  t.strictSame([...pixels], [8, 12, 9, 13, 10, 14, 11, 15])
  const folder = join(cache, 'emnist-letters')
  t.strictSame(readdirSync(folder).sort(), Object.keys(letters).sort(), 'nothing else is kept')
  const again = await openData('emnist-letters', { cache, ...options })
  t.equal(again.source, `found in ${folder}`)
  t.equal(asked.length, 1, 'the cache is read')

  // As when it was ended between the download and the unpacking.
  const other = t.testdir({ 'emnist-letters': { 'gzip.zip': bytes } })
  t.equal((await openData('emnist-letters', { cache: other, ...options })).test.length, 2)
  t.equal(asked.length, 1, 'a whole archive is not asked for again')
})

t.test('archives of EMNIST that are not right', async (t) => {
  const refused = async (bytes: Buffer, message: RegExp, md5 = md5s(letters)) => {
    const { mirrors, md5: own } = await serve(t, { 'gzip.zip': bytes })
    const cache = t.testdir()
    const options = { cache, mirrors, md5: { ...own, ...md5 } }
    await t.rejects(openData('emnist-letters', options), { name: 'DataError', message })
    const there = readdirSync(join(cache, 'emnist-letters'))
    t.notOk(
      there.some((name) => /part|tmp/.test(name)),
      `${there}`
    )
  }
  const whole = await zip(within(letters))
  await refused(
    whole.subarray(0, 300),
    /gzip\.zip: expected a zip archive, got a damaged one .*delete/
  )
  const { 'emnist-letters-test-labels-idx1-ubyte.gz': _, ...three } = letters
  await refused(await zip(within(three)), /expected emnist-letters-test-labels.* in it, got none/)
  const file = 'emnist-letters-train-labels-idx1-ubyte.gz'
  await refused(whole, /train-labels-idx1-ubyte\.gz of MD5 0+, got/, {
    ...md5s(letters),
    [file]: '0'.repeat(32)
  })
  // A label of 0 is before the first letter.
  const zero = { ...letters, [file]: gzipSync(idx([3], [1, 0, 2])) }
  await refused(await zip(within(zero)), /label/, md5s(zero))
})

t.test('a folder of the name in ALEXNODE_DATA goes before the cache', async (t) => {
  const own = t.testdir()
  await writeSet(join(own, 'kmnist'))
  process.env.ALEXNODE_DATA = own
  t.teardown(() => {
    delete process.env.ALEXNODE_DATA
  })
  const data = await openData('kmnist', { cache: join(own, 'cache') })
  t.match(data, { name: 'kmnist', source: `found in ${join(own, 'kmnist')}` })
  t.equal(data.classes[9], 'wo')
})

t.test('what cannot be had', async (t) => {
  const cache = t.testdir()
  const { asked: _, mirrors } = await serve(t, zipped())
  await t.rejects(openData('mnist', { cache, mirrors }), {
    name: 'DownloadError',
    message: /expected MD5 f68b3c2dcbeaaa9fbdd348bbdeb94873/
  })
  await t.rejects(openData('cifar-10', { cache, mirrors }), {
    name: 'DownloadError',
    message: /HTTP status 404/
  })
  const broken = cifar['cifar-10'].bytes.subarray(0, 400)
  const { asked: __, ...cut } = await serve(t, { 'cifar-10-binary.tar.gz': broken })
  await t.rejects(openData('cifar-10', { cache, ...cut }), /cifar-10-binary\.tar\.gz/)
  t.notOk(existsSync(join(cache, 'cifar-10/cifar-10-binary')))
  mkdirSync(join(cache, 'there'))
  await t.rejects(openData('mnst', { cache }), new RegExp(dataNames.join(', ')))
})
