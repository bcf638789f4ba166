// Runs that start from weights, at the command line: which layers are taken, what goes with them, and what is refused
// before there is a run.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { readRunData } from '../lib/run/data.ts'
import { readSafetensors, writeSafetensors } from '../lib/util/files/safetensors.ts'
import { runProgram, widest } from './programs.ts'

const program = 'lib/cli/train.ts'
const dir = t.testdir()
const env = { XDG_CACHE_HOME: join(dir, 'cache') }
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
