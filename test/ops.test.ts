// Every row of the table of op cases on every device that is there: against the plain reference,
// against finite differences, recorded against eager.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { opTable } from '../lib/native/binding.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { runCase } from '../lib/selftest/run.ts'
import { Slab } from '../lib/selftest/slab.ts'
import { makeInputs } from '../lib/selftest/values.ts'
import { tryRows } from './op-rows.ts'

/** Tried by test/group-train.test.ts, in several processes. */
const betweenProcesses = ['all_reduce', 'broadcast']

t.test('every op of the table has rows', async (t) => {
  const tried = new Set(opCases.map(({ op }) => op))
  const others = betweenProcesses.flatMap((op) => (tried.has(op) ? [] : [op]))
  t.same([...tried, ...others].sort(), [...opTable.keys()].sort())
})

t.test('a wrong result is found', async (t) => {
  const row = opCases.find(({ op, forward }) => op === 'conv2d_backward_data' && forward)
  if (!row?.forward) throw new Error('no row')
  const { run } = row.forward
  await using device = await open('cpu', { threads: 2 })
  const stream = device.stream()
  const twice: typeof run = (fields, inputs, shapes) => {
    const { y } = run(fields, inputs, shapes)
    return y ? { y: { ...y, data: y.data.map((value) => 2 * value) } } : {}
  }
  const differing = await runCase(stream, { ...row, forward: { ...row.forward, run: twice } })
  t.match(differing, { status: 'failed', reasons: [/finite difference/] })
  const off = await runCase(stream, { ...row, tolerance: { absolute: -1, relative: 0 } })
  t.match(off, { status: 'failed', reasons: [/^dx\[.*expected .* are off$/] })
  const unknown = await runCase(stream, { ...row, fields: { nonsense: 1 } })
  t.match(unknown, { status: 'failed', reasons: [/has no field 'nonsense'/] })
})

t.test('a byte written between tensors, or in an input, is found', async (t) => {
  const row = opCases.find(({ op }) => op === 'relu')
  if (!row) throw new Error('no row')
  await using device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  using op = await stream.prepare(row.op, row.fields, { ...row.outputs, ...row.inputs })
  using slab = new Slab(stream, row, op, makeInputs(row).inputs)
  const after = await slab.run(() => slab.launch())
  t.strictSame(slab.strayWrites(after), [])
  const written = (at: number) => {
    const bytes = after.slice()
    bytes.fill(~(bytes[at] ?? 0), at, at + 1)
    return slab.strayWrites(bytes)
  }
  const found = Array.from(after, (_, at) => written(at).join())
  const guards = found.flatMap((said, at) => (/between tensors/.test(said) ? [{ said, at }] : []))
  t.ok(guards.length > 0)
  for (const { said, at } of [guards[0], guards.at(-1)].filter((guard) => guard !== undefined)) {
    t.equal(said, `byte ${at} of ${after.length}, between tensors, was written`)
  }
  t.ok(found.includes('the input x was written'))
})

t.test('cpu', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  await tryRows(t, device, opCases)
})
