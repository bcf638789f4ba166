// Every row of the table of op cases on the double of CUDA: references, finite differences, recorded against
// eager; then those that choices for a device touch, once more with these choices made.
import t from 'tap'
import { open } from '../lib/device.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { tryRows } from './op-rows.ts'

const control = await useDouble(t)

t.test('every row', needsDouble, async (t) => {
  await using device = await open('cuda')
  const skipped = await tryRows(t, device, opCases)
  t.same(skipped, [], 'there is no op, and no dtype, that CUDA has nothing for')
})

t.test('with TF32, and deterministic', needsDouble, async (t) => {
  // Few of each: what these choices change is which algorithms are taken.
  const counts = new Map<string, number>()
  const rows = opCases.filter(({ op }) => {
    const count = (counts.get(op) ?? 0) + 1
    counts.set(op, count)
    return /^(conv2d|dense|gemm|max_pool|avg_pool|lrn)/.test(op) && count % 4 === 1
  })
  await using device = await open('cuda', { tf32: true, deterministic: true })
  t.same(await tryRows(t, device, rows), [])
})

t.test('all was given back, and nothing used wrongly', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
