// Stored images that are damaged: training goes on without them, says so, and gives the same numbers when resumed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { subset } from '../lib/data/hold-out.ts'
import { openPhotos, type PhotoSet } from '../lib/data/photos/open.ts'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { type DamagedImage, skipDamaged } from '../lib/data/skip-damaged.ts'
import { open } from '../lib/engine/device.ts'
import { cifar } from '../lib/net/models/cifar.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { train } from '../lib/training/train.ts'
import { assess } from '../lib/use/assess.ts'
import { greySet } from '../lib/use/grey.ts'
import { partOf } from '../lib/use/split.ts'
import { openTrained } from '../lib/use/trained.ts'
import { failure } from './failure.ts'
import { classFiles, writeFiles } from './photo-files.ts'
import { objects, runProgram, widest } from './programs.ts'
import { spoiledCopy } from './spoiled-copy.ts'

const program = 'lib/cli/train.ts'
const dir = t.testdir()
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
const pictures = await classFiles({ cat: 16, dog: 16 })
const names = Object.keys(pictures)
const source = await writeFiles(join(dir, 'pets'), {
  ...Object.fromEntries(names.map((name) => [`train/${name}`, pictures[name] ?? ''])),
  ...Object.fromEntries(names.slice(0, 20).map((name) => [`test/${name}`, pictures[name] ?? '']))
})

/** A prepared copy in which these images of each part are altered. */
async function spoiled(store: 'raw' | 'jpeg', name: string, which: Record<string, number[]>) {
  const whole = join(dir, store)
  await prepare(source, whole, { size: 28, store, duplicates: true })
  return await spoiledCopy(whole, join(dir, name), which)
}

/** What a set gives for these images. */
async function read(set: ImageSet, indices: number[]) {
  const images = new Uint8Array(indices.length * set.height * set.width * set.channels)
  const labels = new Int32Array(indices.length)
  await set.read(Uint32Array.from(indices), images, labels)
  return { images, labels }
}

for (const store of ['raw', 'jpeg'] as const) {
  t.test(`${store}: the next whole image takes the place`, async (t) => {
    const out = await spoiled(store, `${store}-some`, { train: [3, 4, 31] })
    await using data = await openPhotos(out)
    const told: DamagedImage[] = []
    const set = skipDamaged(data.train, (damage) => void told.push(damage))
    const found = await read(set, [4, 3, 0, 31])
    t.strictSame(found, await read(data.train, [5, 5, 0, 0]))
    t.strictSame(
      told.map(({ image }) => image).sort(),
      [3, 4, 31].map((i) => data.train.name(i)).sort()
    )
    t.match(told[0], { file: /\.shard$|train/, reason: /checksum/ })
    t.strictSame(
      [2, 3, 4, 5, 31].map((i) => set.isDamaged?.(i)),
      [false, true, true, false, true]
    )
    await read(set, [3, 31])
    t.equal(told.length, 3, 'each is told once')
    const error = await failure(read(data.train, [0, 3, 31]))
    t.match(error, { place: 1, message: `(${data.train.name(3)})` })
  })
}

t.test('more than a tenth is no accident', async (t) => {
  const out = await spoiled('raw', 'many', { train: Array.from({ length: 12 }, (_, i) => 2 * i) })
  await using data = await openPhotos(out)
  const set = skipDamaged(data.train, () => {})
  const all = Array.from({ length: 32 }, (_, i) => i)
  t.match(await failure(read(set, all)), {
    message: /most of 32 images to be whole, got 11 damaged/
  })
  const two = skipDamaged(subset(data.train, Uint32Array.of(0, 2)), () => {})
  t.match(await failure(read(two, [0, 1])), { message: /got 2 damaged/ })
})

t.test('training and evaluation', async (t) => {
  const out = await spoiled('jpeg', 'both', { train: [5, 20], test: [0, 1, 7] })
  await using device = await open('cpu', { threads: 1 })
  await using data = await openPhotos(out)
  const definition = cifar({ classes: 2, input: { channels: 3, height: 28, width: 28 } })
  const losses = async (set: PhotoSet | ImageSet) => {
    await using net = await definition.build(device, { batch: 4, seed: 1 })
    const found: number[] = []
    for await (const { loss } of train(net, set, { lr: 0.01, epochs: 2, seed: 1 })) found.push(loss)
    return found
  }
  await t.rejects(losses(data.train), /image (5|20) \(.*checksum/)
  const first = await losses(skipDamaged(data.train, () => {}))
  t.equal(first.length, 16)
  t.strictSame(await losses(skipDamaged(data.train, () => {})), first)

  await using net = await definition.build(device, { batch: 4, seed: 1 })
  const good = Uint32Array.from(
    Array.from({ length: 20 }, (_, i) => i).filter((i) => ![0, 1, 7].includes(i))
  )
  const wanted = await evaluate(net, subset(data.test, good))
  const set = skipDamaged(data.test, () => {})
  for (const batch of [4, 1, 20]) {
    const seen: number[] = []
    const done: number[] = []
    const found = await evaluate(net, set, {
      batch,
      onBatch: ({ numbers }) => void seen.push(...numbers),
      onProgress: (now) => void done.push(now)
    })
    t.match(found, { images: 17, top1: wanted.top1 })
    t.ok(Math.abs(found.loss / wanted.loss - 1) < 1e-5)
    t.strictSame(seen, [...good])
    t.equal(done.at(-1), 20)
  }
})

t.test('evaluate skips, counts and tells as training does', async (t) => {
  const data = await spoiled('jpeg', 'evaluated', { train: [2], test: [3, 8] })
  const whole = join(dir, 'jpeg')
  const [one, two] = [join(dir, 'one'), join(dir, 'two')]
  const args = ['--net', 'cifar', '--batch', '4', '--threads', '1', '--steps', '1', '--no-test']
  for (const [seed, out] of [one, two].entries()) {
    const ended = await runProgram(program, [
      ...[...args, '--data', whole, '--seed', `${seed}`, '--out', out]
    ])
    t.match(ended, { code: 0 })
  }
  const evaluated = (...more: string[]) =>
    runProgram('lib/cli/evaluate.ts', [one, '--data', data, '--threads', '1', ...more])
  const text = await evaluated()
  t.match(text, { code: 0, err: '' })
  t.match(flat(text.out), /Skipped: test\/(cat|dog)\/\d+\.jpg, which is damaged in \S+: .*checksum/)
  t.match(flat(text.out), /Skipped 2 images that are damaged: .*; alexnode prepare makes /)
  t.ok(widest(text.out, dir) <= 80, text.out)
  const result = async (...more: string[]) =>
    objects((await evaluated('--json', ...more)).out).at(-1)
  const skipped = [1, 2].map(() => ({ skipped: String, file: String, reason: /checksum/ }))
  t.match(await result(), { images: 18, skipped_images: 2, skipped })
  t.match(await result('--split', 'all'), { images: 49, skipped_images: 3 })
  const both = await result('--average', two, '--batch', '5')
  t.match(both, { images: 18, skipped_images: 2 })

  // The mean of both nets on the whole images alone.
  await using device = await open('cpu', { threads: 1 })
  await using set = await openPhotos(whole)
  const good = Uint32Array.from(
    Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 3 && i !== 8)
  )
  await using first = await openTrained(one, device)
  await using second = await openTrained(two, device)
  const scores = await assess([first, second], subset(set.test, good))
  t.equal(both?.top1_error, scores.top1Error)
  t.ok(Math.abs(Number(both?.loss) / scores.loss - 1) < 1e-5)

  const strict = await evaluated('--strict')
  t.equal(strict.code, 1)
  t.match(flat(strict.err), /image (3|8) \(test\/(cat|dog)\/\d+\.jpg\): expected the checksum/)
})

t.test('parts and grey sets tell which images are damaged', async (t) => {
  const out = await spoiled('raw', 'passed', { train: [3], test: [1] })
  await using data = await openPhotos(out)
  const parts = {
    ...data,
    train: skipDamaged(data.train, () => {}),
    test: skipDamaged(data.test, () => {})
  }
  const all = partOf(parts, 'all')
  const some = greySet(subset(all, Uint32Array.of(0, 3, 33)))
  await read(some, [0, 1, 2])
  t.strictSame(
    [0, 1, 2].map((i) => some.isDamaged?.(i)),
    [false, true, true]
  )
})

t.test('the program', async (t) => {
  const data = await spoiled('jpeg', 'program', { train: [5, 20], test: [3] })
  const args = ['--data', data, '--net', 'cifar', '--batch', '4', '--threads', '1', '--lr', '.001']
  const start = (out: string, ...more: string[]) =>
    runProgram(program, [...args, '--validate', ...more, '--out', join(dir, out)])
  const whole = await start('whole', '--epochs', '2')
  t.match(whole, { code: 0, err: '' })
  t.match(
    flat(whole.out),
    /Skipped: train\/(cat|dog)\/\d+\.jpg, which is damaged in \S+: .*checksum/
  )
  t.match(flat(whole.out), / on 19 of 20 images/)
  t.match(flat(whole.out), /Skipped 3 images that are damaged: .*; alexnode prepare makes /)
  t.ok(widest(whole.out, dir) <= 80, whole.out)

  t.equal((await start('rest', '--epochs', '1', '--json')).code, 0)
  const ended = await start('rest', '--resume', '--epochs', '2', '--json')
  t.equal(ended.code, 0, ended.err)
  const lines = objects(ended.out)
  const told = lines.filter(({ skipped }) => typeof skipped === 'string')
  t.match(
    told,
    [1, 2, 3].map(() => ({ skipped: String, file: String, reason: /checksum/ }))
  )
  t.match(lines.at(-1), { final: true, skipped_images: 3 })
  const weights = (run: string) => readFileSync(join(dir, run, 'weights.safetensors'))
  t.ok(weights('rest').equals(weights('whole')), 'resumed, bit for bit')

  const strict = await start('strict', '--epochs', '1', '--strict')
  t.equal(strict.code, 1)
  t.match(flat(strict.err), /image (5|20) \(train\/(cat|dog)\/\d+\.jpg\): expected the checksum/)
  t.match(flat(strict.out), /An error ended the run after step \d+\. The run is kept in /)
})
