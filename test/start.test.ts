// Runs that start from weights: which layers are taken, what goes with them, and what is refused before there is a run.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { cifar, loadWeights, open, saveWeights, torchvision } from '../lib/index.ts'
import type { Net } from '../lib/net/net.ts'
import { readRunData } from '../lib/run/data.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { fitStart, openStart, startData } from '../lib/use/start.ts'
import { readSafetensors, type Tensors, writeSafetensors } from '../lib/util/files/safetensors.ts'
import { distance, run, sgdRates, weights } from './courses.ts'
import { runProgram, widest } from './programs.ts'
import { smallNet, smallSet } from './small-net.ts'
import { smallShapes } from './trained-run.ts'

const program = 'lib/cli/train.ts'
const dir = t.testdir()
const env = { XDG_CACHE_HOME: join(dir, 'cache') }
const device = await open('cpu', { threads: 2 })
t.teardown(() => device.close())
/** Without line ends, whose places depend on the paths. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

/** A folder of pictures of 32×32, eight a class, in colours by class. */
async function pictures(name: string, classes: readonly string[], shade: number): Promise<string> {
  const folder = join(dir, name)
  for (const [c, kind] of classes.entries()) {
    mkdirSync(join(folder, kind), { recursive: true })
    for (let i = 0; i < 8; i++) {
      const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => {
        return (shade + 40 * c + ((at * (i + 3 + c)) % 61)) % 256
      })
      const raw = { width: 32, height: 32, channels: 3 } as const
      await sharp(pixels, { raw })
        .png()
        .toFile(join(folder, kind, `${i}.png`))
    }
  }
  return folder
}

const first = await pictures('first', ['ant', 'bee', 'cow'], 0)
const second = await pictures('second', ['dog', 'elk', 'fox'], 90)
const old = join(dir, 'old')
const options = ['--net', 'cifar', '--batch', '4', '--threads', '1', '--no-test']
const training = (...args: readonly string[]) => runProgram(program, [...options, ...args], env)
const kept = (folder: string) => readFileSync(join(folder, 'weights.safetensors'))

await t.test('a run to start from', async (t) => {
  t.match(await training('--data', first, '--steps', '6', '--out', old), { code: 0, err: '' })
})

t.test('a run from a run: features frozen, a new head, resumed without the old one', async (t) => {
  const args = ['--data', second, '--from', old, '--freeze', 'features', '--head-lr', '×10']
  const out = join(dir, 'new')
  const ended = await training(...args, '--steps', '8', '--checkpoint-every', '4', '--out', out)
  t.match(ended, { code: 0, err: '' })
  t.ok(widest(ended.out, dir, old) <= 80, ended.out)
  for (const text of [
    'Start the run in',
    '10 layers taken: conv1, norm1, conv2, norm2, conv3, conv4, conv5, norm5, fc6, fc7',
    'fc8 begins anew: the classes are others: ant, bee, cow there, dog, elk, fox here',
    'images are normed as those that it was trained on',
    'Frozen conv1, norm1, conv2, norm2, conv3, conv4, conv5, norm5: 215,040 parameters stay as they',
    'rate ×10 for the last layer'
  ]) {
    t.match(flat(ended.out), text)
  }
  const tensorsOf = async (folder: string) =>
    (await readSafetensors(join(folder, 'weights.safetensors'))).tensors
  const after = await tensorsOf(out)
  for (const [name, { data }] of Object.entries(await tensorsOf(old))) {
    const now = after[name]?.data ?? new Uint8Array()
    t.equal(Buffer.compare(now, data) === 0, /conv|norm/.test(name), name)
  }
  const { name, classes, ...facts } = await readRunData(out)
  t.strictSame(classes, ['dog', 'elk', 'fox'])
  t.strictSame(facts.mean, (await readRunData(old)).mean, 'normed as before')
  t.match(JSON.parse(readFileSync(join(out, 'options.json'), 'utf8')), {
    from: old,
    freeze: 'features',
    headLr: 10
  })

  const again = join(dir, 'again')
  const half = await training(...args, '--steps', '4', '--out', again)
  t.match(half, { code: 0 })
  renameSync(old, `${old}-away`)
  const rest = await runProgram(
    program,
    ['--resume', '--steps', '8', '--no-test', '--threads', '1', '--out', again],
    env
  )
  renameSync(`${old}-away`, old)
  t.match(rest, { code: 0 }, rest.err)
  t.notMatch(rest.out, /^Start /m, 'what it starts from is its checkpoint')
  t.ok(kept(again).equals(kept(out)), 'bit for bit')
  t.match(await runProgram(program, ['--resume', '--head-lr', '2', '--out', again], env), {
    code: 2,
    err: /--head-lr was\s+10\s+and\s+is\s+2/
  })
})

t.test(
  'from the same classes all layers are taken, and a file of a run is of that run',
  async (t) => {
    const file = join(old, 'weights.safetensors')
    const out = join(dir, 'same')
    const ended = await training(
      '--data',
      first,
      '--from',
      file,
      '--own-input',
      '--steps',
      '1',
      '--out',
      out
    )
    t.match(ended, { code: 0, err: '' })
    t.match(flat(ended.out), /Start the run in .*, on first/)
    t.match(flat(ended.out), /11 layers taken/)
    t.notMatch(ended.out, /normed as those|anew/)
  }
)

t.test('what is wrong is said before there is a run', async (t) => {
  const out = join(dir, 'none')
  const text = join(dir, 'text')
  writeFileSync(text, 'weights')
  const nan = join(dir, 'nan.safetensors')
  const { tensors } = await readSafetensors(join(old, 'weights.safetensors'))
  const bias = { dtype: 'f32', shape: [3], data: new Uint8Array(12) } as const
  const other = join(dir, 'other.safetensors')
  await writeSafetensors(other, { 'fc8.bias': bias, 'conv9.weight': bias })
  const cases: readonly [string[], number, RegExp][] = [
    [
      ['--freeze', 'conv1,conv22'],
      2,
      /one of conv1, norm1, .*, got 'conv22'; did you mean conv2\?/
    ],
    [['--freeze', 'feature'], 2, /got 'feature'; did you mean features\?/],
    [
      ['--freeze', 'fc8', '--head-lr', '2'],
      2,
      /--head-lr is for fc8, which --freeze keeps as it is/
    ],
    [['--head-lr', '×-1'], 2, /Expected a number from 0, got '-1'/],
    [['--own-input'], 2, /--own-input is for runs that start --from other weights/],
    [
      ['--from', join(dir, 'absent')],
      1,
      /cannot read .*absent: it or its parent folder does not exist/
    ],
    [['--from', text], 1, /expected a file of weights .*got another format/],
    [
      ['--from', other],
      1,
      /expected weights that fit cifar, got those of another net: conv1: the file has no/
    ],
    [
      ['--from', old, '--net', 'alexnet'],
      1,
      /expected weights that fit alexnet, got those of another net: conv1/
    ],
    [
      ['--from', old, '--freeze', 'fc8'],
      1,
      /freeze: expected layers whose weights are taken from .* got fc8: the classes are others/
    ]
  ]
  for (const [args, code, message] of cases) {
    const all = ['--net', 'cifar', '--data', second, '--steps', '2', '--no-test', '--threads', '1']
    const ended = await runProgram(program, [...all, ...args, '--out', out], env)
    t.match(flat(ended.err), message, args.join(' '))
    t.equal(ended.code, code, args.join(' '))
    t.notOk(existsSync(out), 'no folder')
  }
  const { data } = tensors['conv1.bias'] ?? bias
  const broken = { dtype: 'f32', shape: [32], data: data.map(() => 0xff) } as const
  await writeSafetensors(nan, { ...tensors, 'conv1.bias': broken })
  const ended = await training('--data', second, '--from', nan, '--steps', '1', '--out', out)
  t.match(flat(ended.err), /expected finite weights, got NaN in conv1\.bias/)
})

t.test('weights of others, as a program loads them', async (t) => {
  const definition = torchvision({
    width: 1 / 8,
    classes: 5,
    input: { channels: 3, height: 67, width: 67 }
  })
  await using net = await definition.build(device, { batch: 2, seed: 3 })
  const own = await weights(net)
  const names: Readonly<Record<string, string>> = {
    conv1: 'features.0',
    conv2: 'features.3',
    conv3: 'features.6',
    conv4: 'features.8',
    conv5: 'features.10',
    fc6: 'classifier.1',
    fc7: 'classifier.4',
    fc8: 'classifier.6'
  }
  const theirs: Record<string, Tensors[string]> = {}
  for (const [name, { shape, data }] of own) {
    const [layer = '', kind] = name.split('.')
    // bf16 keeps the upper half of a number.
    const halves = new Uint16Array(data.map((v) => v * 2).buffer).filter((_, i) => i % 2 === 1)
    theirs[`${names[layer]}.${kind}`] = {
      dtype: 'bf16',
      shape,
      data: new Uint8Array(halves.buffer)
    }
  }
  const path = join(dir, 'theirs.safetensors')
  await writeSafetensors(path, theirs)
  const far = (found: typeof own, name: string, factor: number) => {
    const [a, b] = [found.get(name)?.data ?? [], own.get(name)?.data ?? []]
    return Math.max(...b.map((value, i) => Math.abs((a[i] ?? Number.NaN) - factor * value)))
  }
  await loadWeights(net, path, { head: 'new' })
  const fresh = await weights(net)
  t.ok(far(fresh, 'conv3.weight', 2) < 0.01)
  t.equal(far(fresh, 'fc8.weight', 1), 0, 'the head is as it was built')
  await loadWeights(net, path)
  t.ok(far(await weights(net), 'fc8.weight', 2) < 0.01)

  const start = await openStart(path, 'torchvision')
  t.match(start, { of: 'torchvision', statistics: { mean: [0.485, 0.456, 0.406], height: 256 } })
  const found = await fitStart(start, definition, ['a', 'b', 'c', 'd', 'e'], new Set(['conv1']))
  t.equal(found.layers.length, 8)
  const { data, input } = startData(start, smallShapes(), definition.input)
  t.match(input, { fit: 'resize', flip: true, mean: 'channel', divide: 'std' })
  t.strictSame(
    [data.mean, data.train.std],
    [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225]
    ]
  )
  t.match(startData(start, { ...smallShapes(), train: smallSet(4) }, definition.input), {
    notes: ['The images have other channels: they are normed by their own mean.']
  })
})

t.test('weights that do not fit leave the net as it is', async (t) => {
  await using net = await cifar({ classes: 3, width: 1 / 8 }).build(device, { batch: 2 })
  await using four = await cifar({ classes: 4, width: 1 / 8 }).build(device, { batch: 2, seed: 2 })
  const before = await weights(net)
  const path = join(dir, 'four.safetensors')
  await saveWeights(four, path)
  await t.rejects(loadWeights(net, path), {
    message: `[weights] ${path}: expected the weights of cifar, all of them and no others, got none for layer fc8 (4 classes in the file, 3 here), and 2 more that do not fit`
  })
  const { tensors } = await readSafetensors(path)
  const more = join(dir, 'more.safetensors')
  const { 'fc8.bias': _, ...less } = tensors
  await writeSafetensors(more, less)
  await t.rejects(
    loadWeights(four, more),
    /got none for layer fc8 \(the file has no tensor for it\)/
  )
  t.equal(distance(await weights(net), before), 0)
  await loadWeights(net, path, { head: 'new' })
  const now = await weights(net)
  const wanted = new Map([...(await weights(four))].filter(([name]) => !name.startsWith('fc8')))
  t.equal(distance(now, wanted), 0)
  t.strictSame(now.get('fc8.weight'), before.get('fc8.weight'))
  await t.rejects(
    loadWeights(net, path, JSON.parse('{ "head": "old" }')),
    /head: expected 'file' or 'new', got "old"/
  )
})

t.test('rates by layer', async (t) => {
  const set = smallSet(26)
  const built = async (work: (net: Net) => Promise<void>, freeze?: readonly string[]) => {
    await using net = await smallNet().build(device, { batch: 4, seed: 7, freeze })
    await work(net)
    return await weights(net)
  }
  const course = (options: Partial<TrainOptions>) =>
    built(async (net) => void (await run(net, set, { steps: 8, ...options })))
  const ten = { rate: () => 10 }
  const one = {}
  const expected = await course({ courses: ({ layer }) => (layer === 'fc3' ? ten : one) })
  const rates = { fc3: 10 }
  t.equal(distance(await course({ rates }), expected), 0)
  t.not(distance(await course({}), expected), 0)
  let saved: Snapshot | undefined
  const save = (snapshot: Snapshot) => {
    saved ??= snapshot
  }
  await course({ rates, checkpoint: { every: 3, save } })
  t.equal(distance(await course({ rates, from: saved }), expected), 0, 'resumed')
  const steps = (options: TrainOptions, freeze?: readonly string[]) =>
    built(async (net) => {
      for await (const _ of train(net, set, options));
    }, freeze)
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates: { fc4: 2 } }),
    /rates: expected a layer with weights, .* got 'fc4'; did you mean fc\d\?/
  )
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates: { fc3: -1 } }),
    /rates\.fc3: expected a number from 0/
  )
  await t.rejects(
    steps({ ...sgdRates, steps: 1, rates }, ['fc3']),
    /expected layers that are trained, got 'fc3', which is frozen/
  )
})
