// Every row of the table of op cases on the double of CUDA: references, finite differences, recorded against
// eager; then those that choices for a device touch, once more with these choices made.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import type { CaseSlot, OpCase } from '../lib/selftest/case.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { isSpoilt } from '../lib/selftest/spoilt.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { tryRows } from './op-rows.ts'

const control = await useDouble(t)

const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1)

/** Large convolutions are tried in f32 alone here: in 16 bits by `alexnode selftest`, on a GPU. */
function isSlow({ op, inputs, outputs }: OpCase): boolean {
  const { w, dw, y, dy } = { ...inputs, ...outputs }
  const filter = (w ?? dw)?.shape
  const [n = 0, , ...area] = (y ?? dy)?.shape ?? []
  if (!filter || !op.startsWith('conv2d')) return false
  const half = (w ?? dw)?.dtype !== 'f32' || Object.values(inputs).some(isHalf)
  return half && product([...filter, n, ...area]) > 1e6
}
const isHalf = ({ dtype }: CaseSlot) => dtype === 'bf16' || dtype === 'f16'

t.test('every row', needsDouble, async (t) => {
  await using device = await open('cuda')
  const slow = opCases.filter(isSlow)
  t.pass(`${slow.length} rows`, { skip: 'large convolutions in 16 bits take minutes here' })
  const rows = opCases.filter((row) => !slow.includes(row))
  const skipped = await tryRows(t, device, rows)
  t.same(skipped, [], 'there is no op, and no dtype, that CUDA has nothing for')
})

t.test('with TF32, and deterministic', needsDouble, async (t) => {
  // Few of each: what these choices change is which algorithms are taken.
  const counts = new Map<string, number>()
  const rows = opCases.filter((row) => {
    if (isSpoilt(row)) return false
    const { op } = row
    const count = (counts.get(op) ?? 0) + 1
    counts.set(op, count)
    return !isSlow(row) && /^(conv2d|dense|gemm|max_pool|avg_pool|lrn)/.test(op) && count % 4 === 1
  })
  await using device = await open('cuda', { tf32: true, deterministic: true })
  t.same(await tryRows(t, device, rows), [])
})

t.test('all was given back, and nothing used wrongly', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
