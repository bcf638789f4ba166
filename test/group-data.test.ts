// Processes whose copies of the data differ do not train together.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { counting, idx, writeSet } from './idx-files.ts'
import { classFiles, picture, writeFiles } from './photo-files.ts'
import { objects } from './programs.ts'
import { gloo as skip, startRanks } from './ranks.ts'

const dir = t.testdir()

/** What each of two ranks says of its folder and the other's. */
async function compared(...folders: readonly string[]) {
  const all = await startRanks(2, 'test/group-data.ts', (rank) => [folders[rank] ?? ''])
  const ended = await Promise.all(all.map(({ ended }) => ended))
  return ended.map(({ code, out, err }) => {
    if (code !== 0) throw new Error(err)
    return objects(out)[0]
  })
}

/** IDX files of 100 images, one byte of image `spoilt` changed. */
function idxFolder(name: string, spoilt?: number) {
  const bytes = counting(100 * 64, 251)
  if (spoilt !== undefined) bytes[spoilt * 64 + 7] = 255
  return writeSet(join(dir, name), {
    'train-images-idx3-ubyte': idx([100, 8, 8], bytes),
    'train-labels-idx1-ubyte': idx([100], counting(100, 10)),
    't10k-images-idx3-ubyte': idx([10, 8, 8], counting(640, 241)),
    't10k-labels-idx1-ubyte': idx([10], counting(10, 10))
  })
}

t.test('sets in memory: every byte counts', { skip }, async (t) => {
  const [one, same, other] = [idxFolder('one'), idxFolder('same'), idxFolder('other', 2)]
  t.strictSame(await compared(await one, await same), [{ same: true }, { same: true }])
  for (const told of await compared(await one, await other)) {
    t.match(told, { error: /the data.*images to train on is 100 images, [0-9a-f]+ on rank 0/ })
  }
})

t.test('prepared sets: by the hashes of their shards', { skip }, async (t) => {
  const files = await classFiles({ 'train/cat': 50, 'train/dog': 50, 'test/cat': 5, 'test/dog': 5 })
  const prepared = async (name: string, more: typeof files = {}) => {
    const source = await writeFiles(join(dir, `${name}-pictures`), { ...files, ...more })
    const out = join(dir, name)
    await prepare(source, out, { size: 16 })
    return out
  }
  const one = await prepared('photos')
  const again = await prepared('again')
  t.strictSame(await compared(one, again), [{ same: true }, { same: true }], 'prepared twice')
  const other = await prepared('changed', { 'train/cat/2.jpg': await picture(1000) })
  for (const told of await compared(one, other)) {
    t.match(told, { error: /the data.*images to train on is 100 images, [0-9a-f]+ on rank 0/ })
  }
  // A shard that was damaged since is found when it is read, and is the same set.
  const damaged = join(dir, 'damaged')
  cpSync(one, damaged, { recursive: true })
  const shard = readdirSync(damaged).find((name) => /^train.*shard$/.test(name)) ?? ''
  const bytes = readFileSync(join(damaged, shard))
  bytes.fill(0, bytes.length - 700)
  writeFileSync(join(damaged, shard), bytes)
  t.strictSame(await compared(one, damaged), [{ same: true }, { same: true }])
})
