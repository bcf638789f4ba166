// `--devices a,b` as a person gives it: trained on two, traced, gone on with on one, used on two.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ChromeTrace } from '../lib/training/bench/index.ts'
import { writeSmallSet } from './idx-files.ts'
import { checkTrace, off } from './placed.ts'
import { objects, runProgram, widest } from './programs.ts'

const dir = t.testdir()
const data = join(dir, 'data')
await writeSmallSet(data)
const alexnode = (...args: string[]) => runProgram('lib/cli/main.ts', args)
const losses = (folder: string) =>
  objects(readFileSync(join(folder, 'log.jsonl'), 'utf8')).flatMap(({ loss }) =>
    typeof loss === 'number' ? [loss] : []
  )

t.test('a run on two devices, and on with one', async (t) => {
  const [out, other, file] = [join(dir, 'run'), join(dir, 'other'), join(dir, 'trace.json')]
  const run = ['train', '--net', 'cifar', '--data', data, '--batch', '4', '--dtype', 'f32']
  const [two, one] = await Promise.all([
    alexnode(
      ...[...run, '--devices', 'cpu:0,cpu:1', '--threads', '2', '--steps', '3'],
      ...['--trace', file, '--out', out]
    ),
    alexnode(...run, '--device', 'cpu', '--threads', '1', '--steps', '5', '--out', other)
  ])
  t.match(two, { code: 0, err: '' })
  t.match(one, { code: 0, err: '' })
  t.ok(widest(two.out, dir) <= 80, two.out)
  for (const text of [
    /^Device +cpu:0, cpu:1: each CPU, 1 thread, .*\n +each has half of the channels$/m,
    /^Memory +[\d.]+ MiB of [\d,]+ MiB on cpu:0, cpu:1\n +cpu:0: parameters [\d.]+ MiB, /m,
    /^ +cpu:1: parameters [\d.]+ MiB, gradients /m,
    /^The timeline of step 3 is\s+in\s/m
  ]) {
    t.match(two.out, text)
  }
  const { traceEvents }: ChromeTrace = JSON.parse(readFileSync(file, 'utf8'))
  const calls = checkTrace(t, traceEvents, ['cpu:0', 'cpu:1'])
  t.ok(calls.some(({ args }) => args.to === 'cpu:1'))

  const on = await alexnode('train', '--resume', '--device', 'cpu', '--steps', '5', '--out', out)
  t.match(on, { code: 0 }, on.err)
  t.match(on.out, /resumed\s+after\s+step\s+3/)
  t.equal(losses(out).length, 5)
  t.ok(off(losses(out), losses(other)) < 1e-4, 'as a run on one device that was never stopped')

  const shared = ['--devices', 'cpu:0,cpu:1', '--replicas', '2', '--batch', '4']
  const [judged, text] = await Promise.all([
    alexnode('evaluate', out, ...shared, '--json'),
    alexnode('evaluate', out, ...shared)
  ])
  t.match(text, { code: 0 }, text.err)
  t.match(text.out, /^Device +cpu:0, cpu:1: each CPU, .*\n +each has half of the batch$/m)
  const [scores] = objects(judged.out)
  const last = objects(readFileSync(join(out, 'log.jsonl'), 'utf8')).at(-1)
  t.match(scores, { device: 'cpu:0,cpu:1', images: 6 }, judged.err)
  t.ok(Math.abs(Number(scores?.top1_error) + Number(last?.test_top1) - 1) < 1e-9)
})

t.test('devices that cannot be had together', async (t) => {
  const args = ['bench', '--net', 'cifar', '--batch', '2', '--devices']
  const ended = await Promise.all([
    alexnode(...args, 'cpu:0,cpu:0'),
    alexnode(...args, 'cpu:0,cpu:1', '--replicas', '3')
  ])
  const [twice, thirds] = ended
  t.match(twice, { code: 2, out: '', err: /^--devices: expected each device once, got cpu:0/ })
  t.match(thirds, { code: 2, out: '', err: /replicas: expected .* divides 2 devices, got 3/ })
  for (const { err } of ended) t.ok(widest(err) <= 80, err)
})
