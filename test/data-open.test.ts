import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { DataError } from '../lib/data/dataset.ts'
import { DownloadError, OfflineError } from '../lib/data/download/download.ts'
import { fashionMnist } from '../lib/data/fashion-mnist.ts'
import { fashionClasses } from '../lib/data/idx/folder.ts'
import { cacheFolder, dataFolder } from '../lib/data/named/options.ts'
import { openData } from '../lib/data/open.ts'
import { smallSet, writeSet } from './idx-files.ts'

// What the environment of the test run says; tests below change it.
const realData = dataFolder()

/** No folder in the environment, an empty cache, and mirrors that refuse. */
function bare(t: Test, env: Readonly<Record<string, string>> = {}) {
  const folder = t.testdir()
  t.intercept(process, 'env', {
    value: { ...process.env, ALEXNODE_DATA: '', XDG_CACHE_HOME: join(folder, 'xdg'), ...env }
  })
  return { folder, cache: join(folder, 'cache'), mirrors: ['http://127.0.0.1:1/'] }
}

/** A mirror on this machine that has the small set. */
async function mirror(t: Test, files = smallSet()) {
  const packed = new Map(
    Object.entries(files).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)])
  )
  const asked: string[] = []
  const server = createServer((request, response) => {
    const name = request.url?.split('/').at(-1) ?? ''
    asked.push(name)
    const bytes = packed.get(name)
    response.writeHead(bytes ? 200 : 404).end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  const md5: Record<string, string> = {}
  for (const [name, bytes] of packed) md5[name] = createHash('md5').update(bytes).digest('hex')
  const host = `127.0.0.1:${address.port}`
  return { host, mirrors: [`http://${host}/data`], md5, asked }
}

t.test('a folder that is named', async (t) => {
  const { folder, ...options } = bare(t)
  const digits = await writeSet(join(folder, 'digits'), smallSet(), { gzip: true })
  const clothes = await writeSet(join(folder, 'outer', 'fashion-mnist'))
  t.match(await openData(digits, options), { name: 'digits', source: `found in ${digits}` })
  for (const named of [clothes, join(folder, 'outer')]) {
    for (const data of [await openData(named, options), await fashionMnist({ data: named })]) {
      t.match(data, { name: 'fashion-mnist', source: `found in ${clothes}` })
      t.equal(data.notice, undefined)
      t.same(data.classes, fashionClasses)
    }
  }
})

t.test('a folder that is named and not there, or wrong, is an error', async (t) => {
  const { folder, ...options } = bare(t)
  const gone = join(folder, 'gone')
  const file = join(await writeSet(join(folder, 'set')), 'train-images-idx3-ubyte')
  const empty = join(folder, 'empty')
  await mkdir(empty)
  const cases = [
    [gone, `got '${gone}': ${gone} does not exist`],
    ['fashion', `got 'fashion': ${resolve('fashion')} does not exist`],
    ['', "got ''"]
  ] as const
  for (const [named, end] of cases) {
    await t.rejects(
      openData(named, options),
      new DataError(
        `[data] expected a folder, a tar, a list, or one of mnist, fashion-mnist, kmnist, emnist-letters, cifar-10, cifar-100, shapes, ${end}`
      )
    )
  }
  await t.rejects(openData(file, options), {
    name: 'DataError',
    message: `[tar] ${file}: expected the header of a member at byte 0, got other bytes; it is no tar, or damaged: fetch it again`
  })
  const message =
    `[data] ${empty}: expected a folder with four IDX files (train-images-idx3-ubyte.gz, …)` +
    ` or with fashion-mnist/, got none in ${empty}; check the path`
  await t.rejects(openData(empty, options), {
    name: 'DataError',
    message: /empty: expected pictures with classes, got nothing\n/
  })
  await t.rejects(fashionMnist({ ...options, data: empty }), new DataError(message))
})

t.test('ALEXNODE_DATA comes before the cache, and is never passed over', async (t) => {
  const { folder, ...options } = bare(t, { ALEXNODE_DATA: join(t.testdirName, 'mine') })
  await writeSet(join(options.cache, 'fashion-mnist'))
  const missing = new DataError(
    `[data] ALEXNODE_DATA=${folder}/mine: expected a folder with four IDX files` +
      ' (train-images-idx3-ubyte.gz, …) or with fashion-mnist/,' +
      ` got none in ${folder}/mine; check the path`
  )
  for (const name of [undefined, 'fashion-mnist']) {
    await t.rejects(openData(name, options), missing)
  }
  await t.rejects(fashionMnist(options), missing)

  const place = await writeSet(join(folder, 'mine', 'fashion-mnist'), smallSet(), { gzip: true })
  for (const name of [undefined, 'fashion-mnist']) {
    t.match(await openData(name, options), { name: 'fashion-mnist', source: `found in ${place}` })
  }
  t.match(await openData('shapes', options), { name: 'shapes' }, 'but a name that is given counts')
})

t.test('the cache', async (t) => {
  const { folder, cache, mirrors } = bare(t)
  const place = await writeSet(join(cache, 'fashion-mnist'))
  t.match(await openData(undefined, { cache, mirrors }), { source: `found in ${place}` })

  t.equal(cacheFolder(), join(folder, 'xdg', 'alexnode'))
  const usual = await writeSet(join(cacheFolder(), 'fashion-mnist'), smallSet(), { gzip: true })
  t.match(await openData(undefined, { mirrors }), { source: `found in ${usual}` })

  bare(t, { XDG_CACHE_HOME: 'not/absolute' })
  t.equal(cacheFolder(), join(homedir(), '.cache', 'alexnode'))
})

t.test('a damaged file in the cache is an error', async (t) => {
  const { cache, mirrors } = bare(t)
  const files = { ...smallSet(), 't10k-labels-idx1-ubyte': Buffer.from([0, 0, 8, 1, 0]) }
  const place = await writeSet(join(cache, 'fashion-mnist'), files)
  await t.rejects(openData(undefined, { cache, mirrors }), {
    name: 'DataError',
    message:
      `[idx] ${place}/t10k-labels-idx1-ubyte: expected a header of 8 bytes, got 5:` +
      ' the file is truncated; delete the file and fetch it again'
  })
})

t.test('the cache is filled by download, once', async (t) => {
  const { cache } = bare(t)
  const { host, asked, ...server } = await mirror(t)
  const place = join(cache, 'fashion-mnist')
  const files = new Set<string>()
  const data = await openData(undefined, {
    cache,
    ...server,
    onProgress: ({ file }) => files.add(file)
  })
  t.equal(data.source, `downloaded from ${host} to ${place}`)
  t.match(data, { name: 'fashion-mnist', train: { length: 12 }, test: { length: 5 } })
  t.equal(asked.length, 4)
  t.same(files, new Set(asked))
  t.same(
    createHash('md5')
      .update(await readFile(join(place, asked[0]!)))
      .digest('hex'),
    server.md5[asked[0]!]
  )

  t.equal((await openData('fashion-mnist', { cache, ...server })).source, `found in ${place}`)
  t.equal((await fashionMnist({ cache, ...server })).source, `found in ${place}`)
  t.equal(asked.length, 4)
})

t.test('only what is missing is downloaded', async (t) => {
  const { cache } = bare(t)
  const { host, asked, ...server } = await mirror(t)
  const files = smallSet()
  delete files['t10k-labels-idx1-ubyte']
  const place = await writeSet(join(cache, 'fashion-mnist'), files)
  const data = await openData(undefined, { cache, ...server })
  t.equal(data.source, `downloaded from ${host} to ${place}`)
  t.same(asked, ['t10k-labels-idx1-ubyte.gz'])
})

t.test('with no network and nothing named, shapes, and it is said', async (t) => {
  const { folder, ...options } = bare(t)
  const data = await openData(undefined, { ...options, shapes: { channels: 3, size: 32, seed: 5 } })
  t.equal(data.name, 'shapes')
  t.equal(data.source, 'generated (seed 5): no network, so no Fashion-MNIST')
  t.match(data.train, { channels: 3, height: 32 })
  const place = join(options.cache, 'fashion-mnist')
  t.equal(
    data.notice,
    '[download] no network: no mirror answered for train-images-idx3-ubyte.gz\n' +
      '  127.0.0.1:1\n    connection refused\n' +
      'Training on the generated set shapes instead. For Fashion-MNIST put its four files\n' +
      `into ${place}, or name their folder.`
  )
  t.match((await openData(undefined, options)).train, { channels: 1, height: 28 })
  t.notOk(existsSync(join(folder, 'xdg')))

  await t.rejects(openData('fashion-mnist', options), OfflineError)
  await t.rejects(fashionMnist(options), OfflineError)
})

t.test('the same where the download fails for another reason', async (t) => {
  const { cache } = bare(t)
  const { mirrors } = await mirror(t)
  // The published sums, which the small set does not have.
  const data = await openData(undefined, { cache, mirrors })
  t.equal(data.source, 'generated (seed 1): the download failed, so no Fashion-MNIST')
  t.match(data.notice, '8d4fb7e6c68d591d4c3dfef9ec88bf0d')
  await t.rejects(fashionMnist({ cache, mirrors }), DownloadError)
})

t.test('an abort is an abort, not a reason for shapes', async (t) => {
  const { folder, ...options } = bare(t)
  const reason = new Error('stop')
  const signal = AbortSignal.abort(reason)
  await t.rejects(openData(undefined, { ...options, signal }), reason)
  const set = await writeSet(join(folder, 'set'))
  await t.rejects(openData(set, { signal }), reason)
})

t.test(
  'the real Fashion-MNIST',
  { skip: realData ? false : 'ALEXNODE_DATA does not name a folder with fashion-mnist/' },
  async (t) => {
    const data = await openData()
    t.equal(data.name, 'fashion-mnist')
    t.match(data.source, /^found in .*fashion-mnist$/)
    t.match(data.train, { length: 60_000, height: 28, width: 28, channels: 1 })
    t.match(data.test, { length: 10_000, height: 28, width: 28, channels: 1 })
    t.equal(data.mean[0]!.toFixed(4), '0.2860')
    t.equal(data.std[0]!.toFixed(4), '0.3530')

    const images = new Uint8Array(10_000 * 784)
    const labels = new Int32Array(10_000)
    await data.test.read(
      Uint32Array.from({ length: 10_000 }, (_, i) => i),
      images,
      labels
    )
    const counts = new Array<number>(10).fill(0)
    for (const label of labels) counts[label]!++
    t.same(counts, new Array(10).fill(1000))
    t.equal(createHash('md5').update(images).digest('hex'), 'b7656a891b218fc13e45205c48a92cae')
  }
)
