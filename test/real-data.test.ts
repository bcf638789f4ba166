/** Real photographs and CIFAR-10, at a size of seconds; skipped where ALEXNODE_DATA has none. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
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
