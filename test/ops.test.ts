// Every row of the table of op cases on every device that is there: against the plain reference,
// against finite differences, recorded against eager.
import t from 'tap'
import { open } from '../lib/device.ts'
import { opTable } from '../lib/native.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { runCase } from '../lib/selftest/run.ts'

t.test('every op of the table has rows', async (t) => {
  const tried = new Set(opCases.map(({ op }) => op))
  t.same([...tried].sort(), [...opTable.keys()].sort())
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

for (const name of ['cpu']) {
  t.test(name, async (t) => {
    await using device = await open(name, { threads: 2 })
    const stream = device.stream()
    for (const op of opTable.keys()) {
      await t.test(op, async (t) => {
        for (const row of opCases.filter((row) => row.op === op)) {
          const { status, reasons, implementation } = await runCase(stream, row)
          if (status === 'skipped') t.pass(row.name, { skip: reasons.join('; ') })
          else t.equal(status, 'passed', row.name, { reasons, implementation })
        }
      })
    }
    await stream.close()
    t.match(device.memory(), { live: 0, blocks: 0 })
  })
}
