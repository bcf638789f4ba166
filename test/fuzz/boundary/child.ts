/** Runs cases of the campaign `boundary` that its parent sends, one at a time. */
import { native } from '../../../lib/native/binding.ts'
import type { Case } from './case.ts'
import { openDevice } from './device.ts'
import { runCalls } from './run-calls.ts'
import { runOp } from './run-op.ts'

const device = await openDevice()
const stream = native.openStream(device, 1, false)

async function run(test: Case): Promise<string | undefined> {
  try {
    return test.kind === 'op' ? await runOp(test, device, stream) : await runCalls(test)
  } catch (error) {
    return `the fuzz itself failed: ${error instanceof Error ? error.stack : error}`
  }
}

process.on('message', (test: Case) => {
  void run(test).then((fault) => process.send?.({ fault }))
})
process.on('disconnect', () => process.exit())
process.send?.({})
