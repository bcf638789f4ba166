/** The rows of the table of op cases, tried on a device. */
import type { Test } from 'tap'
import type { Device } from '../lib/engine/device.ts'
import { opTable } from '../lib/native/binding.ts'
import type { OpCase } from '../lib/selftest/case.ts'
import { runCase } from '../lib/selftest/run.ts'

/** Tries rows op by op; those that the device has nothing for are visible skips, and returned. */
export async function tryRows(t: Test, device: Device, rows: readonly OpCase[]): Promise<string[]> {
  const skipped: string[] = []
  const stream = device.stream()
  for (const op of opTable.keys()) {
    const own = rows.filter((row) => row.op === op)
    if (own.length === 0) continue
    await t.test(op, async (t) => {
      for (const row of own) {
        const { status, reasons, implementation } = await runCase(stream, row)
        if (status === 'skipped') {
          t.pass(row.name, { skip: reasons.join('; ') })
          skipped.push(row.name)
        } else {
          t.equal(status, 'passed', row.name, { reasons, implementation })
        }
      }
    })
  }
  await stream.close()
  t.match(device.memory(), { live: 0, blocks: 0 })
  return skipped
}
