// The range test: the rate that it suggests, what it leaves behind, and how `--lr auto` keeps it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { rangePlot } from '../lib/cli/train/plot.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { cifar } from '../lib/net/models/cifar.ts'
import { adam } from '../lib/optim/optimizer.ts'
import { type RangePoint, rangeTest } from '../lib/training/range-test.ts'
import { train } from '../lib/training/train.ts'
import { weights } from './courses.ts'
import { writeSmallSet } from './idx-files.ts'
import { objects, runProgram, widest } from './programs.ts'

const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

t.test('on a net', async (t) => {
  const input = { channels: 1, height: 28, width: 28 }
  const optimizer = adam()
  const { train: set } = shapes({ train: 2000, test: 10 })
  await using device = await open('cpu', { threads: 2 })
  await using net = await cifar({ input }).build(device, { batch: 16, seed: 1, optimizer })
  const before = await weights(net)

  await t.test('it suggests a rate by which the net learns', async (t) => {
    const done: number[] = []
    const options = { optimizer, onProgress: (step: number) => void done.push(step) }
    const { lr, reason, points } = await rangeTest(net, set, options)
    t.strictSame(await weights(net), before, 'the weights are those before')
    t.ok(lr !== undefined && lr > 1e-5 && lr < 1e-2, `${lr}`)
    t.match(reason, /^The loss falls from 2\.\d+ to \d\.\d+ at a rate of [\d.e-]+; .* A tenth of /)
    t.equal(points[0]?.lr, 1e-6)
    t.ok(points.every((point, i) => i === 0 || point.lr > (points[i - 1]?.lr ?? 0)))
    t.equal(done.at(-1), 100)
    const again = await rangeTest(net, set, { optimizer })
    t.strictSame(again, { lr, reason, points }, 'it is the same each time')
    const losses: number[] = []
    for await (const { loss } of train(net, set, { optimizer, lr: lr ?? 0, steps: 150 }))
      losses.push(loss)
    const last = losses.slice(-20).reduce((sum, loss) => sum + loss, 0) / 20
    t.ok(last < 0.9 * Math.log(10), `${last}`)
  })

  await t.test('rates too low to change anything are no suggestion', async (t) => {
    const { lr, reason } = await rangeTest(net, set, { from: 1e-12, to: 1e-11, steps: 30 })
    t.equal(lr, undefined)
    t.match(reason, /^No rate from 1e-12 to 1e-11 lowered the loss of \d\.\d+ within 30 steps\.$/)
  })

  await t.test('a rate that blows the net up ends it', async (t) => {
    const now = await weights(net)
    const { points } = await rangeTest(net, set, { from: 1e-3, to: 1e30 })
    t.ok(points.length < 100, `${points.length}`)
    t.ok(points.every(({ loss }) => Number.isFinite(loss)))
    t.strictSame(await weights(net), now)
  })

  await t.test('it can be aborted, and refuses nonsense', async (t) => {
    const now = await weights(net)
    const signal = AbortSignal.abort(new Error('enough'))
    await t.rejects(rangeTest(net, set, { signal }), /enough/)
    await t.rejects(
      rangeTest(net, set, { steps: 3 }),
      /steps: expected a whole number from 20, got 3/
    )
    await t.rejects(
      rangeTest(net, set, { from: 1, to: 0.1 }),
      /to: expected a number above from, 1, got 0\.1/
    )
    t.strictSame(await weights(net), now)
  })
})

t.test('drawn', async (t) => {
  const curve = (length: number): RangePoint[] =>
    Array.from({ length }, (_, i) => ({
      lr: 1e-6 * 10 ** (i / 20),
      loss: i > 80 ? 1e6 : 2 - i / 100
    }))
  const drawn = rangePlot(curve(100), 1e-3)
  t.ok(widest(drawn) <= 80, drawn)
  t.equal(drawn.split('\n').length, 12)
  t.match(drawn, /^ {3}2\.600 ┤ .*••/m, 'what diverges is cut at the top')
  t.match(drawn, /┬.*▲.*┬/)
  t.match(drawn, /rate +1e-5 +1e-4 .*1e-2/)
  t.ok(widest(rangePlot(curve(3))) <= 80)
  t.equal(rangePlot([]), '')
})

t.test('--lr auto', async (t) => {
  const dir = t.testdir()
  const data = await writeSmallSet(join(dir, 'data'))
  const out = join(dir, 'run')
  const program = 'lib/cli/train.ts'
  const line = ['--data', data, '--net', 'cifar', '--batch', '4', '--lr', 'auto', '--out', out]
  const ended = await runProgram(program, [...line, '--steps', '3'])
  t.match(ended, { code: 0, err: '' })
  t.ok(widest(ended.out, dir) <= 80, ended.out)
  const options = () => JSON.parse(readFileSync(join(out, 'options.json'), 'utf8'))
  const { lr, lrAuto } = options()
  t.equal(lrAuto, true)
  t.match(flat(ended.out), /The loss falls from .* keeps away from the edge\. .*rate [\d.e-]+ \(/)
  t.match(ended.out, /^ +loss └.*▲/m)
  t.match(flat(ended.out), new RegExp(`rate ${lr} \\(warmConstant\\)`))

  const more = ['--resume', '--steps', '4', '--json', '--out', out]
  const again = await runProgram(program, more)
  t.equal(again.code, 0, again.err)
  t.notMatch(again.out, /range_test/, 'a run that goes on keeps the rate')
  t.equal(options().lr, lr)
  t.equal((await runProgram(program, [...more, '--lr', 'auto'])).code, 0)
  const other = await runProgram(program, [...more, '--lr', '0.5'])
  t.equal(other.code, 2)
  t.match(flat(other.err), /--lr was [\d.e-]+ and is 0\.5/)

  const json = await runProgram(program, [...line, '--steps', '1', '--json'])
  t.match(objects(json.out)[0], { range_test: [{ lr: 1e-6, loss: Number }], lr, reason: String })
})
