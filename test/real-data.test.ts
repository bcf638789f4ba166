/** Real photographs and CIFAR-10, at a size of seconds; skipped where ALEXNODE_DATA has none. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { openData } from '../lib/data/open.ts'
import { open } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import { adam } from '../lib/optim/optimizer.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { train } from '../lib/training/train.ts'
import { objects, runProgram } from './programs.ts'

const data = process.env.ALEXNODE_DATA ?? ''
const photographs = join(data, 'imagenet-samples.tar')
const cifar10 = join(data, 'cifar10-jpg.tar.xz')
const without = (path: string) => {
  if (data === '') return 'no ALEXNODE_DATA'
  return existsSync(path) ? false : `no ${path}`
}
const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8' })

t.test('photographs by heart, by ten views', { skip: without(photographs) }, async (t) => {
  const dir = t.testdir()
  const names = tar('-tf', photographs)
    .split('\n')
    .filter((name) => name.endsWith('.JPEG'))
  tar('-xf', photographs, '-C', dir, ...names.slice(20, 32))
  const folder = join(dir, 'imagenet-samples')
  const args = [folder, '--epochs', '30', '--threads', '2', '--out', join(dir, 'run'), '--json']
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const { code, out, err } = await runProgram('examples/photographs.ts', args, env)
  t.equal(code, 0, err)
  t.strictSame(objects(out).at(-1), { ten_views_top1: 1, mirrors_first: 12 })
})

t.test('pictures of CIFAR-10 in folders', { skip: without(cifar10) }, async (t) => {
  const dir = t.testdir()
  const members = ['--wildcards', 'test/*/000[1-9].jpg']
  tar('-xJf', cifar10, '-C', dir, ...members)
  const folder = join(dir, 'test')
  const set = (await openData(folder, { cache: join(dir, 'cache') })).train
  t.match(set, { length: 90, height: 32, width: 32, channels: 3, classes: { length: 10 } })
  await using device = await open('cpu', { threads: 2 })
  const input = { fit: 'crop', flip: true } as const
  await using net = await netByName('cifar', { classes: 10 }).build(device, { batch: 30 })
  const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
  let last = 0
  for await (const { step } of train(net, set, { optimizer, lr: 0.002, epochs: 120, input }))
    last = step
  t.equal(last, 360)
  const { top1 } = await evaluate(net, set, { input, views: 10 })
  t.ok(top1 > 0.95, `top-1 ${top1}`)
})

/** Some pictures of CIFAR-10: nine of each class to train on, three to test on. */
function pictures(dir: string): string {
  tar('-xJf', cifar10, '-C', dir, '--wildcards', 'train/*/000[1-9].jpg', 'test/*/000[1-3].jpg')
  return dir
}

t.test(
  'ReLU beside tanh, and again from where it stopped',
  { skip: without(cifar10) },
  async (t) => {
    const dir = t.testdir({ data: {} })
    const [folder, out] = [pictures(join(dir, 'data')), join(dir, 'out')]
    const args = [folder, '--images', '80', '--rates', '.01,.03', '--width', '.5', '--out', out]
    const env = { XDG_CACHE_HOME: join(dir, 'cache') }
    const first = await runProgram('examples/relu-vs-tanh.ts', [...args, '--most', '3'], env)
    t.equal(first.code, 0, first.err)
    t.match(first.out, /^relu at 0\.01: [\d.]+ % after 2 epochs$/m)
    t.match(first.out, /^tanh, best at 0\.0[13]: [\d.]+ % after 3 epochs, not there yet$/m)
    const second = await runProgram('examples/relu-vs-tanh.ts', [...args, '--most', '300'], env)
    t.equal(second.code, 0, second.err)
    const trials = (text: string) => text.match(/^\w+ at .+$/gm)
    t.strictSame(trials(second.out)?.length, 4)
    t.match(
      second.out,
      /^relu, best at 0\.0[13]: (?:\d|1\d|2[0-5])(?:\.\d)? % after [\d.]+ epochs$/m
    )
    t.match(second.out, /^tanh takes [\d.]+ times as many epochs as ReLU$/m)
    t.match(readFileSync(join(out, 'errors.svg'), 'utf8'), />training error</)
    t.match(readFileSync(join(out, 'errors.png')).subarray(1, 4).toString(), 'PNG')
  }
)

t.test('ablations, and again from where they stopped', { skip: without(cifar10) }, async (t) => {
  const dir = t.testdir({ data: {} })
  const [folder, out] = [pictures(join(dir, 'data')), join(dir, 'out.json')]
  const args = [folder, '--epochs', '1', '--width', '.5', '--seeds', '2', '--out', out]
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const first = await runProgram('examples/ablations.ts', args, env)
  t.equal(first.code, 0, first.err)
  const { findings } = JSON.parse(readFileSync(out, 'utf8'))
  t.equal(findings.length, 12)
  t.match(first.out, /^\| whole \| [\d.]+ ± [\d.]+ \(2\) \| {2}\| {2}\|$/m)
  t.match(
    first.out,
    /^\| one tower \| [\d.]+ ± [\d.]+ \(2\) \| [+-][\d.]+ \| \+1\.7 top-1 \(3\.2\) \|$/m
  )
  // One result less: only that run is made again, with the same error.
  writeFileSync(
    out,
    JSON.stringify({ ...JSON.parse(readFileSync(out, 'utf8')), findings: findings.slice(1) })
  )
  const second = await runProgram('examples/ablations.ts', args, env)
  t.match(second.out, /^whole, seed 1: test error [\d.]+ %\n\n/)
  t.strictSame(JSON.parse(readFileSync(out, 'utf8')).findings.at(-1), findings[0])
  const other = await runProgram('examples/ablations.ts', [...args, '--epochs', '2'], env)
  t.equal(other.code, 1)
  t.match(other.err, /expected runs with .*"epochs":2.*name another file with --out/s)
})

t.test('figures 3 and 4 of a run', { skip: without(cifar10) }, async (t) => {
  const dir = t.testdir({ data: {} })
  const [folder, run] = [pictures(join(dir, 'data')), join(dir, 'run')]
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const trained = await runProgram(
    'examples/cifar10.ts',
    [folder, '--epochs', '8', '--out', run],
    env
  )
  t.equal(trained.code, 0, trained.err)
  const out = join(dir, 'nearest.png')
  const args = [run, folder, '--queries', '4', '--out', out]
  const ended = await runProgram('examples/retrieval.ts', args, env)
  t.equal(ended.code, 0, ended.err)
  t.match(ended.out, /^(?:\w+: (?:\w+, ){5}\w+\n){4}\d+ of 24 neighbours are of the same class\n/)
  const { width, height } = await sharp(out).metadata()
  t.strictSame([width, height], [4 + 7 * 68 + 14, 4 + 4 * 68])
  const filters = await runProgram('lib/cli/main.ts', ['filters', run, join(dir, 'conv1.png')])
  t.equal(filters.code, 0, filters.err)
})
