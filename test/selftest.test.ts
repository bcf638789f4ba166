// The program that people run to see whether a device computes what it should.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { lossDifference, netLosses } from '../lib/selftest/nets.ts'
import { type SelftestResult, selftest } from '../lib/selftest/selftest.ts'
import { differenceTolerance, toleranceOf, tolerances } from '../lib/selftest/tolerance.ts'
import { objects, runProgram, widest } from './programs.ts'

const program = 'lib/cli/main.ts'

t.test('one op, as text and as JSON', async (t) => {
  const rows = opCases.filter(({ op }) => op === 'lrn')
  const text = await runProgram(program, ['selftest', '--op', 'lrn'])
  t.match(text, { code: 0, err: '' })
  t.ok(widest(text.out) <= 80, text.out)
  t.match(text.out, /^ok {4}lrn y=.* {2}\d\.\de-\d+ of \d\.\de-\d+$/m)
  t.match(text.out, /device against device, since only one is tested\n.* passed, 0 failed, /)
  t.equal(text.out.match(/^(ok|skip) {2,}lrn /gm)?.length, rows.length)

  const json = await runProgram(program, ['selftest', '--op', 'lrn', '--json', '--threads', '1'])
  t.match(json, { code: 0, err: '' })
  const results = objects(json.out)
  const { final, passed, failed, skipped } = results.pop() ?? {}
  t.strictSame([final, failed, Number(passed) + Number(skipped)], [true, 0, rows.length])
  t.strictSame(
    results.map(({ name }) => name),
    rows.map(({ name }) => name)
  )
  for (const { status, error, bound } of results) {
    if (status === 'passed') t.ok(Number(error) <= Number(bound) && Number(bound) > 0)
  }
})

t.test('f16 is for GPUs', async (t) => {
  const results: SelftestResult[] = []
  for await (const result of selftest({ op: 'relu' })) results.push(result)
  const f16 = results.filter(({ name }) => name.includes('=f16['))
  t.ok(f16.length > 0)
  for (const { status, reasons } of f16) {
    t.match(
      { status, reasons },
      { status: 'skipped', reasons: [/cannot compute in f16, which is for GPUs/] }
    )
  }
})

t.test('how far off a row may be', async (t) => {
  const find = (start: string) => {
    const row = opCases.find(({ name }) => name.startsWith(start))
    if (!row) throw new Error(`no row ${start}`)
    return row
  }
  const weights = find('conv2d_backward_weights dw=[4,3,3,3] db=[4] x=bf16')
  t.same(toleranceOf(weights, 'dw', { kind: 'cpu' }), tolerances.f32)
  t.same(toleranceOf(weights, 'dw', { kind: 'cuda' }), tolerances.bf16)
  const biased = find('dense y=bf16[4,9] x=bf16[4,7] w=bf16[9,7] b=[9]')
  t.same(toleranceOf(biased, 'y', { kind: 'cpu' }), tolerances.bf16)
  t.equal(toleranceOf(biased, 'y', { kind: 'cuda' }).absolute, 1e-3 + 2 ** -6)
  const product = find('gemm c=[5,7] a=[')
  t.same(toleranceOf(product, 'c', { kind: 'cuda', tf32: false }), tolerances.f32)
  t.ok(toleranceOf(product, 'c', { kind: 'cuda', tf32: true }).absolute > 1e-3)
  t.ok(differenceTolerance(product, { kind: 'cuda', tf32: true }).absolute > 1e-3)
  t.same(toleranceOf(find('relu y=f16'), 'y', { kind: 'cuda', tf32: true }), tolerances.f16)
})

t.test('cuDNN in place of ours is for GPUs', async (t) => {
  const refused = await runProgram(program, ['selftest', '--device', 'cpu', '--cudnn'])
  t.match(refused, { code: 2, out: '', err: /^--cudnn is for GPUs, and the device is cpu: leave/ })
})

t.test('only gradients', async (t) => {
  const results: SelftestResult[] = []
  for await (const result of selftest({ op: 'tanh_backward', grad: true })) results.push(result)
  const rows = opCases.filter(({ op, forward }) => op === 'tanh_backward' && forward?.differences)
  t.ok(rows.length > 0)
  t.equal(results.length, rows.length)
})

t.test('two devices against each other', async (t) => {
  const pairs: SelftestResult[] = []
  const devices = ['cpu:0', 'cpu:1']
  for await (const result of selftest({ op: 'softmax', devices, threads: 1 })) {
    t.not(result.status, 'failed')
    if (result.kind === 'devices') pairs.push(result)
  }
  t.match(pairs[0], { device: 'cpu:1 against cpu:0', status: 'passed' })
})

t.test('what is wrong is told, and ends it with 1', async (t) => {
  const { code, out } = await runProgram('test/selftest-spoiled.ts', ['selftest', '--op', 'tanh'])
  t.equal(code, 1)
  t.match(out, /^FAIL {2}tanh /m)
  t.match(out, /expected .* are off/)
  t.match(out, / 1 failed, /)
  t.ok(widest(out) <= 80, out)
})

t.test('a net, and a course that parts', async (t) => {
  await using device = await open('cpu')
  const losses = await netLosses(device, { net: 'fashion', dtype: 'f32', fuse: true })
  t.equal(losses.length, 10)
  t.ok(losses.every(Number.isFinite))
  t.match(lossDifference(losses, losses, 'f32'), { error: 0 })
  const { error, bound } = lossDifference(
    [...losses.slice(0, 9), 1.01 * (losses[9] ?? 0)],
    losses,
    'f32'
  )
  t.ok(error > bound)
  t.equal(lossDifference([], losses, 'bf16').error, Infinity)
})

t.test('what is not there', async (t) => {
  t.match(await runProgram(program, ['selftest', '--op', 'lnr']), {
    code: 1,
    err: /there is no op 'lnr': expected one of/
  })
  t.match(await runProgram(program, ['selftest', '--device', 'tpu']), {
    code: 1,
    err: /there is no device 'tpu'/
  })
  t.match(await runProgram(program, ['selftest', '--op', 'fill', '--grad']), {
    code: 1,
    err: /expected rows of fill to test by finite differences, got none/
  })
})
