// Caffe's mean file in a run: --mean-file, kept with the run, and used by what comes after it.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { takeMean } from '../lib/cli/train/mean.ts'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { Dataset } from '../lib/data/dataset.ts'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { caffe } from '../lib/index.ts'
import { keepRunData, readRunData } from '../lib/run/data.ts'
import type { ResolvedInput } from '../lib/training/input/augment.ts'
import { meanInput } from '../lib/use/mean.ts'
import { preprocessingOf } from '../lib/use/preprocessing.ts'
import { readRun } from '../lib/use/run-facts.ts'
import { classFiles, writeFiles } from './photo-files.ts'
import { runProgram, widest } from './programs.ts'

const dir = t.testdir()
const env = { XDG_CACHE_HOME: join(dir, 'cache') }
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

/** Writes an .npy of f32 as Caffe has it: planes of blue, green, red. */
function npy(name: string, shape: readonly number[], value: (i: number) => number): string {
  const path = join(dir, `${name}.npy`)
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`
  const size = Buffer.alloc(2)
  size.writeUInt16LE(118)
  const length = shape.reduce((product, extent) => product * extent, 1)
  const data = Buffer.from(Float32Array.from({ length }, (_, i) => value(i)).buffer)
  const begin = Buffer.from('\x93NUMPY\x01\0', 'latin1')
  writeFileSync(path, Buffer.concat([begin, size, Buffer.from(`${header.padEnd(117)}\n`), data]))
  return path
}

const SIDE = 36
const level = [100, 110, 120]
const byChannel = npy('channels', [3], (i) => level[i] ?? 0)
const constant = npy('constant', [3, SIDE, SIDE], (i) => level[Math.floor(i / SIDE ** 2)] ?? 0)
const slope = npy('slope', [1, 3, SIDE, SIDE], (i) => i % SIDE)
const source = await writeFiles(join(dir, 'pets'), await classFiles({ cat: 8, dog: 8 }))
const data = join(dir, 'set')
await prepare(source, data, { size: SIDE })

const usual = ['--threads', '1', '--no-test']
const fresh = ['--net', 'cifar', '--data', data, '--batch', '4', ...usual]
const training = (...args: readonly string[]) => runProgram('lib/cli/train.ts', args, env)
const kept = (run: string) => readFileSync(join(run, 'weights.safetensors'))

t.test('a mean for each channel is that mean for each pixel', async (t) => {
  const runs = new Map<string, Buffer>()
  for (const file of [byChannel, constant, slope, undefined]) {
    const out = join(dir, `run-${runs.size}`)
    const mean = file === undefined ? [] : ['--mean-file', file]
    const ended = await training(...fresh, ...mean, '--steps', '3', '--out', out)
    t.match(ended, { code: 0, err: '' })
    t.ok(widest(ended.out, dir) <= 80, ended.out)
    if (file === undefined) t.notMatch(ended.out, /replaces/)
    else t.match(flat(ended.out), /The mean in \S+ \(.*\) replaces the images' own mean image\./)
    runs.set(file ?? 'none', kept(out))
  }
  const [channels, same, other, own] = [...runs.values()]
  t.ok(channels && same?.equals(channels), 'bit for bit')
  t.notOk(channels && (other?.equals(channels) || own?.equals(channels)), 'others differ')
})

t.test('a run keeps it, and needs the file no more', async (t) => {
  const file = npy('away', [3, SIDE, SIDE], (i) => (i % 97) + 60)
  const [whole, half] = [join(dir, 'whole'), join(dir, 'half')]
  const args = [...fresh, '--mean-file', file]
  t.match(await training(...args, '--steps', '6', '--out', whole), { code: 0 })
  const every = ['--checkpoint-every', '3']
  t.match(await training(...args, '--steps', '3', ...every, '--out', half), { code: 0 })
  rmSync(file)
  const again = ['--resume', '--steps', '6', ...usual, '--out', half]
  const ended = await training(...again)
  t.match(ended, { code: 0, err: '' })
  t.notMatch(ended.out, /replaces/)
  t.ok(kept(whole).equals(kept(half)), 'bit for bit')
  t.match(await training(...again, '--mean-file', slope), { code: 2, err: /--mean-file was/ })

  const facts = await readRun(half)
  t.match(facts, { input: { mean: 'pixel', divide: 'std' } })
  const mean = preprocessingOf(facts).mean
  // Red is the file's last plane.
  const red = Array.from({ length: 5 }, (_, i) => ((2 * SIDE ** 2 + i) % 97) + 60)
  t.strictSame([...mean.slice(0, 5)], red)
  const evaluated = await runProgram(
    'lib/cli/evaluate.ts',
    [half, '--data', data, '--json', '--threads', '1'],
    env
  )
  t.match(evaluated, { code: 0 })
  const onnx = join(dir, 'net.onnx')
  const exported = await runProgram('lib/cli/export.ts', [half, onnx], env)
  t.match(exported, { code: 0, err: '' })
  t.ok(existsSync(onnx))
})

t.test('what does not fit is said before there is a run', async (t) => {
  const out = join(dir, 'none')
  const absent = join(dir, 'absent.npy')
  const cases: readonly [string, readonly string[], number, RegExp][] = [
    [
      npy('large', [3, 40, 40], () => 1),
      [],
      1,
      /36×36 with 3 channels.*got 40×40 with 3 channels: prepare the images with --size 40/
    ],
    [
      npy('wide', [3, 36, 40], () => 1),
      [],
      1,
      /got 36×40 with 3 channels: name a mean file of that size/
    ],
    [
      npy('grey', [1, SIDE, SIDE], () => 1),
      [],
      1,
      /got 36×36 with 1 channels: name the mean file of such images/
    ],
    [npy('nan', [3], () => Number.NaN), [], 1, /expected finite numbers/],
    [absent, [], 1, /cannot read .*absent\.npy/],
    [join(data, 'dataset.json'), [], 1, /dataset\.json: expected a field of a message/],
    [byChannel, ['--recipe', 'tf-mnist'], 2, /--mean-file has no effect, as the recipe tf-mnist/]
  ]
  for (const [file, more, code, message] of cases) {
    const args = more.length > 0 ? [...more, '--data', data, ...usual] : fresh
    const ended = await training(...args, '--mean-file', file, '--steps', '1', '--out', out)
    t.match(flat(ended.err), message, file)
    t.equal(ended.code, code, file)
    t.notOk(existsSync(out), 'no folder')
  }
})

t.test('as Caffe does: a mean of 256×256, at the place of a crop of 227×227', async (t) => {
  const [size, classes] = [256, ['a', 'b']]
  const images = new Uint8Array(2 * size * size * 3).map((_, i) => i % 251)
  const train = arrayImageSet({
    ...{ images, labels: Int32Array.of(0, 1), classes },
    ...{ height: size, width: size, channels: 3 }
  })
  const { mean, std } = train
  const set: Dataset = { name: 'two', source: '', classes, mean, std, train, test: train }
  const path = npy('imagenet', [3, size, size], (i) => i % size ** 2)
  const settings = { net: 'caffe', meanFile: path }
  const begun = { data: set, settings: {}, start: { file: { format: 'caffe' } } } as const
  const taken = await takeMean(settings, begun, {})
  t.match(taken.settings, { input: { fit: 'crop', flip: true, mean: 'pixel', divide: 1 } })
  t.match(taken.note, /replaces the images' own mean\. It is divided by nothing, as in Caffe\./)
  const others = { ...begun, start: { file: { format: 'pytorch' } } } as const
  t.match((await takeMean(settings, others, {})).settings, { input: { divide: 'std' } })

  await keepRunData(dir, taken.data)
  const { input } = taken.settings
  const definition = caffe({ classes: 2 })
  const run = { ...(await readRun(join(dir, 'whole'))), data: await readRunData(dir) }
  const found = preprocessingOf({ ...run, definition, input })
  t.match(found, { crop: { top: 14, left: 14 }, divisor: [1, 1, 1] })
  t.strictSame([found.mean.length, found.mean[0]], [3 * 227 * 227, 14 * size + 14])
})

t.test('an input that reads the centre of the mean image still does', (t) => {
  const resolved: ResolvedInput = {
    fit: 'crop',
    flip: true,
    offsets: [1, 1],
    shared: 1,
    divide: 1,
    mean: 'centre',
    colour: undefined
  }
  t.match(meanInput(resolved, { shape: [9, 9, 3] }, undefined), { mean: 'centre' })
  t.match(meanInput({ ...resolved, mean: 'none' }, { shape: [3] }, undefined), { mean: 'channel' })
  t.end()
})
