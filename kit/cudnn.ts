/** cuDNN's pooling and LRN in place of ours, on the rows of their ops: a line an op, and one for each row that is off. */
import { open } from '../lib/engine/device.ts'
import { opCases } from '../lib/selftest/cases.ts'
import { runCase } from '../lib/selftest/run.ts'
import { partArguments, say } from './arguments.ts'

const { device: where } = partArguments()

await using device = await open(where, { cudnn: true })
const stream = device.stream()
for (const op of ['lrn', 'lrn_backward', 'max_pool', 'avg_pool', 'avg_pool_backward']) {
  const rows = opCases.filter((row) => row.op === op)
  let taken = 0
  let worst = { share: 0, error: 0, bound: 0 }
  for (const row of rows) {
    const { status, reasons, implementation, worst: found } = await runCase(stream, row)
    if (status === 'failed') say({ name: row.name, implementation, failed: reasons.join('; ') })
    if (implementation !== 'cudnn') continue
    taken++
    const { error = 0, bound = 0 } = found ?? {}
    const share = error === 0 ? 0 : error / bound
    if (share >= worst.share) worst = { share, error, bound }
  }
  const failed = taken === 0 ? { failed: 'cuDNN took none of them' } : {}
  say({ name: `${op}: ${taken} of ${rows.length} rows by cuDNN`, ...worst, ...failed })
}
